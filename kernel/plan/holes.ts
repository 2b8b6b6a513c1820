/** The holes that the mutator fills in the plan `vm`: giving them up before a collection, or for the next one. */
import { space } from '../object-overlay'
import { closeHole } from '../collect/fresh'
import { plan } from '../collect/plan-state'

/** Take the current hole from the mutator; its rest is left for the next sweep. */
export function leaveHole(): void {
  const s = space()
  const p = plan()
  if (s.bump) closeHole(p.holeStart, s.bump, p.heldLimit)
  s.bump = 0
  s.limit = 0
  p.holeStart = 0
  p.heldLimit = 0
}

export function leaveMediumHole(): void {
  const p = plan()
  if (p.mediumBump) closeHole(p.mediumStart, p.mediumBump, p.mediumLimit)
  p.mediumBump = 0
  p.mediumLimit = 0
  p.mediumStart = 0
}

/** The line that HEAPWRIGHT_GCTRACE has written for each collection: fixed in form, one thing after the other. */
import { formatBytes } from '../sizes.js'
import type { Collection } from './collections.js'

/**
 * @example
 * gc 12 @1034.207 ms heap: minor (nursery) 0.213 ms, 1 MiB -> 48 KiB, promoted 16 KiB; prepare 0.010, copy 0.190
 */
export function formatTraceLine(heapName: string, collection: Collection): string {
  const { kind, cause, number, atMs, ms, bytesBefore, bytesAfter, promotedBytes, steps, longestStepMs } = collection
  const took = `${kind} (${cause}) ${formatMs(ms)} ms`
  const inSteps = steps === undefined ? '' : ` in ${steps} steps, longest ${formatMs(longestStepMs ?? 0)} ms`
  const bytes = `${formatBytes(bytesBefore)} -> ${formatBytes(bytesAfter)}, promoted ${formatBytes(promotedBytes)}`
  const phases = Object.entries(collection.phases).map(([phase, phaseMs]) => `${phase} ${formatMs(phaseMs)}`)
  const parts = phases.length === 0 ? '' : `; ${phases.join(', ')}`
  return `gc ${number} @${formatMs(atMs)} ms ${heapName}: ${took}${inSteps}, ${bytes}${parts}`
}

function formatMs(ms: number): string {
  return ms.toFixed(3)
}

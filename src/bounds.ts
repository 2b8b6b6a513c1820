/**
 * Sizes that a heap is made with: what is usual for a mode and a limit, and what is refused. The one source for given
 * options (`options.ts`) and for chosen ones (`choose.ts`); the figures are data beside the modes.
 */
import { ArgumentError } from './errors.js'
import { MODES, NURSERY_BOUNDS, OLD_USUAL_PART } from './modes.js'
import { parseSize } from './sizes.js'
import type { ModeName, Size } from './types.js'

/** Bytes of the nursery when none is given, a power of two; undefined in modes that have none. */
export function usualNursery(mode: ModeName, limitBytes: number): number | undefined {
  const { nursery } = MODES[mode].options
  if (nursery === undefined) return undefined
  const part = Math.min(parseSize(nursery), limitBytes * NURSERY_BOUNDS.usualPart)
  return 2 ** Math.floor(Math.log2(Math.max(NURSERY_BOUNDS.leastBytes, part)))
}

/** Bytes that old objects may have to begin with when nothing is given; undefined in modes without a nursery. */
export function usualOld(mode: ModeName, limitBytes: number): number | undefined {
  const { old } = MODES[mode].options
  return old === undefined ? undefined : Math.min(parseSize(old), Math.floor(limitBytes * OLD_USUAL_PART))
}

/** @param limit what to call the limit, with its bytes, in the error. @throws ArgumentError */
export function checkNursery(given: Size, limitBytes: number, limit = `the limit, ${limitBytes} bytes`): number {
  const { leastBytes, mostBytes, mostPart } = NURSERY_BOUNDS
  const most = Math.min(mostBytes, Math.max(leastBytes, Math.floor(limitBytes * mostPart)))
  const bytes = parseSize(given, 'nursery')
  if (bytes >= leastBytes && bytes <= most) return bytes
  const why = most === mostBytes ? 'the most of any nursery' : `a quarter of ${limit}`
  throw new ArgumentError('nursery', given, `from ${leastBytes} to ${most} bytes, ${why}`)
}

/** For sizes that may be as much as the limit; `limit` as above. @throws ArgumentError */
export function checkBelowLimit(
  name: 'initial' | 'old',
  given: Size,
  limitBytes: number,
  limit = `the limit, ${limitBytes} bytes`,
): number {
  const bytes = parseSize(given, name)
  if (bytes <= limitBytes) return bytes
  throw new ArgumentError(name, given, `at most ${limit}`)
}

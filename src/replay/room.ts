/**
 * How much memory a replay needs: a limit that it does not meet, since it is to run out of memory only when asked to.
 */

import { ADDRESS_LIMIT } from '../../kernel/layout.js'
import { type EventList, OP_FREE } from '../formats/event-list.js'
import { MODES } from '../modes.js'
import { EMBEDDED_MAX_BYTES } from '../options.js'
import { formatBytes, parseSize } from '../sizes.js'
import type { ModeName } from '../types.js'
import { liveFigures } from './live.js'

/** The trace needs a longer buffer than mode `embedded` has. */
export class TooLargeError extends Error {
  readonly code = 'HW_TOO_LARGE'

  constructor(reason: string) {
    super(reason)
    this.name = 'TooLargeError'
  }
}

/** Bytes that a block costs beyond its own in mode `embedded`: header, padding, its root's share of a segment. */
const EMBEDDED_BLOCK_BYTES = 24
/** Whatever else lies in the buffer. */
const EMBEDDED_MORE_BYTES = 64 << 10
/**
 * A buffer slides as a whole at each collection, so what is free of it decides how often. As multiples of what is live.
 */
const EMBEDDED_ROOM = 2
const EMBEDDED_ROOM_LEAST = 1.25

/**
 * A limit with room to spare; undefined for the heap's own, where that is plenty, since the tables of a heap grow with
 * its limit.
 *
 * @throws TooLargeError when no buffer of mode `embedded` has that room
 */
export function roomyLimit(events: EventList, mode: ModeName): number | undefined {
  if (mode === 'embedded') return roomyBuffer(events)
  const { limit } = MODES[mode].options
  // What nothing frees stays; what a collector frees stays until it does.
  const bytes =
    mode === 'compiler' ? bytesRequested(events) * 1.5 : liveFigures(events, []).livePeakBytes * roomOf(mode)
  return bytes < parseSize(limit) ? undefined : ADDRESS_LIMIT
}

function roomOf(mode: ModeName): number {
  return MODES[mode].collector === 'none' ? 1.5 : 3
}

function bytesRequested(events: EventList): number {
  let bytes = 0
  for (let i = 0; i < events.length; i++) bytes += (events.sizes[i] ?? 0) + 16
  return bytes
}

function roomyBuffer(events: EventList): number {
  const { livePeakBytes, livePeakBlocks } = liveFigures(events, [])
  const bytes = livePeakBytes + livePeakBlocks * EMBEDDED_BLOCK_BYTES + EMBEDDED_MORE_BYTES
  const least = bytes * EMBEDDED_ROOM_LEAST + largestRequest(events)
  if (least > EMBEDDED_MAX_BYTES) {
    throw new TooLargeError(
      `too large for mode 'embedded': ${formatBytes(livePeakBytes)} live at the peak want a buffer of ` +
        `${formatBytes(least)}, and the longest is ${formatBytes(EMBEDDED_MAX_BYTES)}`,
    )
  }
  return Math.min(EMBEDDED_MAX_BYTES, Math.ceil(Math.max(least, bytes * EMBEDDED_ROOM)))
}

/** A realloc holds both blocks for a moment. */
function largestRequest({ ops, sizes, length }: EventList): number {
  let most = 0
  for (let i = 0; i < length; i++) if (ops[i] !== OP_FREE) most = Math.max(most, sizes[i] as number)
  return most
}

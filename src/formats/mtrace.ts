/**
 * Reader of the text that the GNU C Library's `mtrace()` writes: one event a line.
 *
 *   @ caller + address size        allocated             @ caller - address              freed
 *   @ caller < address             realloc of this ...   @ caller > address size         ... gave that
 *   @ caller ! address size        a realloc that failed
 *
 * Numbers are hexadecimal with `0x`, or `0`, or `(nil)`; `@ caller` may be missing; a caller may hold spaces, but ends
 * in `[address]`. The reader is a push parser over bytes (a trace of 1.4 million lines is 120 MB of text): it makes no
 * strings, needs memory in proportion to the events and not to the text, and gives the same list however the text is
 * cut into chunks.
 *
 * What is an event and what is not:
 *   - An address handed out again is a new block. One handed out while still live was freed unseen: the old block is
 *     freed first, and that free counts.
 *   - `<` and the `>` after it are one realloc. When the old address is `(nil)` the pair is an allocation; when it is
 *     unknown the pair is an allocation and the `<` is skipped. A `>` alone is an allocation, a `<` alone is skipped.
 *   - What failed in the recorded program did nothing: `+ (nil) size`, `< old` with `> (nil) size`, `! old size` are
 *     skipped. `< old` with `> (nil) 0` is a free, which is what `realloc(p, 0)` means there.
 *   - Skipped and counted as such, line by line: these, frees of unknown addresses and of `(nil)`, and all lines that
 *     are not events (`= Start`, `= End`, what a program wrote into the same file).
 *   - A line `@ caller` with one of the five operators whose operands are not numbers is an error with its line number.
 *     Only the very last line may be cut short, as it is when the recorded program was killed; it is then skipped.
 */

import { AddressMap } from './address-map.js'
import { EVENTS_MAX, type EventList, EventListBuilder, SIZE_BEYOND } from './event-list.js'
import { FormatError } from './format-error.js'

/**
 * Longest line kept across chunks. Callers hold a path and a mangled C++ name: a few thousand bytes at the very most.
 */
export const LINE_MAX_BYTES = 65536

const NEWLINE = 0x0a
const RETURN = 0x0d
const SPACE = 0x20
const BANG = 0x21
const PLUS = 0x2b
const MINUS = 0x2d
const ZERO = 0x30
const LESS = 0x3c
const GREATER = 0x3e
const AT = 0x40
const BRACKET = 0x5d
const LETTER_X = 0x78
const NIL = [0x28, 0x6e, 0x69, 0x6c, 0x29] // (nil)

const decoder = new TextDecoder()

/** Pushes text in, takes the event list out: `push` any number of times, then `finish` once. */
export class MtraceReader {
  readonly #name: string
  readonly #keepsCallers: boolean
  readonly #events: EventListBuilder
  /** Live blocks: address to slot. */
  readonly #live = new AddressMap()
  #skipped = 0
  #line = 0
  /** A `<` line waits for its `>`; this is its address. */
  #reallocWaits = false
  #oldHigh = 0
  #oldLow = 0

  /** The unfinished last line of the chunks so far. */
  readonly #tail = new Uint8Array(LINE_MAX_BYTES)
  #tailLength = 0
  /** The unfinished line is longer than the tail and is being thrown away. */
  #overlong = false

  /** Cursor of the line being read: next byte, end of line, the line's bytes, and the number read last. */
  #at = 0
  #end = 0
  #bytes: Uint8Array = this.#tail
  #high = 0
  #low = 0

  /**
   * @param name where the text comes from; used in errors and as the list's name
   * @param keepsCallers whether the list shall say who asked for each event, which makes strings
   */
  constructor(name: string, keepsCallers = false) {
    this.#name = name
    this.#keepsCallers = keepsCallers
    this.#events = new EventListBuilder(keepsCallers)
  }

  /** Takes the next piece of text, of any length and cut anywhere. Throws `FormatError` at a malformed event line. */
  push(chunk: Uint8Array): void {
    let start = 0
    if (this.#tailLength > 0 || this.#overlong) {
      const newline = chunk.indexOf(NEWLINE)
      const end = newline < 0 ? chunk.length : newline
      this.#keep(chunk, 0, end)
      if (newline < 0) return
      this.#endKeptLine()
      start = newline + 1
    }
    for (;;) {
      const newline = chunk.indexOf(NEWLINE, start)
      if (newline < 0) break
      this.#readLine(chunk, start, newline, false)
      start = newline + 1
    }
    this.#keep(chunk, start, chunk.length)
  }

  /** Ends the text and returns its events. Throws `FormatError` when it held none. */
  finish(): EventList {
    if (this.#overlong) this.#endKeptLine()
    else if (this.#tailLength > 0) this.#readLine(this.#tail, 0, this.#tailLength, true)
    this.#dropHalfRealloc()
    if (this.#events.length === 0) {
      throw new FormatError(this.#name, 'no mtrace: there is no allocation event in it')
    }
    return this.#events.finish(this.#name, this.#skipped)
  }

  /** Bytes of live blocks' bookkeeping aside, how many events were read so far. */
  get events(): number {
    return this.#events.length
  }

  // ---- lines ----------------------------------------------------------------------------------------------------

  #keep(chunk: Uint8Array, start: number, end: number): void {
    const room = LINE_MAX_BYTES - this.#tailLength
    if (end - start > room) this.#overlong = true
    const kept = Math.min(end - start, room)
    this.#tail.set(chunk.subarray(start, start + kept), this.#tailLength)
    this.#tailLength += kept
  }

  #endKeptLine(): void {
    const length = this.#tailLength
    this.#tailLength = 0
    if (this.#overlong) {
      this.#overlong = false
      this.#line++
      this.#skipOverlong(this.#tail)
    } else {
      this.#readLine(this.#tail, 0, length, false)
    }
  }

  #skipOverlong(bytes: Uint8Array): void {
    if (bytes[0] === AT && bytes[1] === SPACE) this.#fail(`the line is longer than ${LINE_MAX_BYTES} bytes`)
    this.#skipped++
  }

  /** One line, without its newline. `last`: the text ended without one. */
  #readLine(bytes: Uint8Array, start: number, lineEnd: number, last: boolean): void {
    if (lineEnd - start > LINE_MAX_BYTES) {
      this.#line++
      this.#skipOverlong(bytes.subarray(start))
      return
    }
    this.#line++
    const end = lineEnd > start && bytes[lineEnd - 1] === RETURN ? lineEnd - 1 : lineEnd
    const hasCaller = bytes[start] === AT && bytes[start + 1] === SPACE && start + 1 < end
    const at = hasCaller ? afterCaller(bytes, start + 2, end) : start
    const operator = at + 1 < end && bytes[at + 1] === SPACE ? bytes[at] : 0
    if (this.#keepsCallers) this.#events.caller = hasCaller ? decoder.decode(bytes.subarray(start + 2, at - 1)) : ''
    this.#bytes = bytes
    this.#at = at + 2
    this.#end = end
    if (operator === PLUS || operator === MINUS || operator === LESS || operator === GREATER || operator === BANG) {
      if (this.#readEvent(operator)) return
      const cutShort = last && this.#at >= end
      if (hasCaller && !cutShort) this.#fail(`malformed event line: ${excerpt(bytes, start, end)}`)
    }
    this.#skipped++
  }

  /** The operands after the operator, and what they mean. False when they are not what the operator needs. */
  #readEvent(operator: number): boolean {
    if (!this.#readNumber()) return false
    const high = this.#high
    const low = this.#low
    if (operator === MINUS || operator === LESS) {
      if (this.#at !== this.#end) return false
      this.#dropHalfRealloc()
      if (operator === MINUS) {
        this.#free(high, low)
      } else {
        this.#reallocWaits = true
        this.#oldHigh = high
        this.#oldLow = low
      }
      return true
    }
    if (this.#at >= this.#end || this.#bytes[this.#at] !== SPACE) return false
    this.#at++
    if (!this.#readNumber() || this.#at !== this.#end) return false
    const bytes = this.#high > 0 ? SIZE_BEYOND : Math.min(this.#low, SIZE_BEYOND)
    if (operator === GREATER && this.#reallocWaits) {
      this.#reallocWaits = false
      this.#realloc(high, low, bytes)
      return true
    }
    this.#dropHalfRealloc()
    if (operator === BANG || isNil(high, low)) this.#skipped++
    else this.#alloc(high, low, bytes)
    return true
  }

  // ---- events ---------------------------------------------------------------------------------------------------

  #alloc(high: number, low: number, bytes: number): void {
    this.#limitEvents()
    const unseen = this.#live.get(high, low)
    if (unseen !== undefined) this.#events.free(unseen)
    this.#live.set(high, low, this.#events.alloc(bytes))
  }

  #free(high: number, low: number): void {
    const slot = this.#live.take(high, low)
    if (slot === undefined) this.#skipped++
    else this.#events.free(slot)
  }

  /** The pair `< old`, `> (high, low) bytes`. */
  #realloc(high: number, low: number, bytes: number): void {
    const oldHigh = this.#oldHigh
    const oldLow = this.#oldLow
    if (isNil(high, low)) {
      this.#skipped++
      if (bytes === 0) this.#free(oldHigh, oldLow)
      else this.#skipped++
      return
    }
    const slot = this.#live.take(oldHigh, oldLow)
    if (slot === undefined) {
      if (!isNil(oldHigh, oldLow)) this.#skipped++
      this.#alloc(high, low, bytes)
      return
    }
    this.#limitEvents()
    const unseen = this.#live.get(high, low)
    if (unseen !== undefined) this.#events.free(unseen)
    this.#live.set(high, low, slot)
    this.#events.realloc(slot, bytes)
  }

  #dropHalfRealloc(): void {
    if (!this.#reallocWaits) return
    this.#reallocWaits = false
    this.#skipped++
  }

  /** Each line makes at most two events. */
  #limitEvents(): void {
    if (this.#events.length > EVENTS_MAX - 2) this.#fail(`more than ${EVENTS_MAX} events`)
  }

  // ---- numbers --------------------------------------------------------------------------------------------------

  /** Reads `0x...` up to 64 bits, `0` or `(nil)` into high and low; leaves the cursor where it stopped. */
  #readNumber(): boolean {
    const bytes = this.#bytes
    const end = this.#end
    let at = this.#at
    this.#high = 0
    this.#low = 0
    if (at < end && bytes[at] === NIL[0]) {
      let matched = 1
      while (matched < NIL.length && at + matched < end && bytes[at + matched] === NIL[matched]) matched++
      this.#at = at + matched
      return matched === NIL.length
    }
    if (at >= end || bytes[at] !== ZERO) return false
    at++
    if (at >= end || bytes[at] === SPACE) {
      this.#at = at
      return true
    }
    if (bytes[at] !== LETTER_X) return false
    at++
    const digits = at
    let high = 0
    let low = 0
    for (; at < end; at++) {
      const digit = hexDigit(bytes[at] as number)
      if (digit < 0) break
      high = ((high << 4) | (low >>> 28)) >>> 0
      low = ((low << 4) | digit) >>> 0
    }
    this.#high = high
    this.#low = low
    this.#at = at
    return at > digits && at - digits <= 16
  }

  #fail(reason: string): never {
    throw new FormatError(this.#name, reason, this.#line)
  }
}

function isNil(high: number, low: number): boolean {
  return high === 0 && low === 0
}

/** Events of a text that is in memory as a whole. */
export function readMtrace(text: Uint8Array, name: string, keepsCallers = false): EventList {
  const reader = new MtraceReader(name, keepsCallers)
  reader.push(text)
  return reader.finish()
}

/** Where the operator of `@ caller operator ...` stands: behind the last `] `, or behind the caller's first space. */
function afterCaller(bytes: Uint8Array, start: number, end: number): number {
  for (let at = end - 2; at >= start; at--) {
    if (bytes[at] === BRACKET && bytes[at + 1] === SPACE) return at + 2
  }
  for (let at = start; at < end; at++) {
    if (bytes[at] === SPACE) return at + 1
  }
  return end
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  if (byte >= 0x61 && byte <= 0x66) return byte - 0x57
  if (byte >= 0x41 && byte <= 0x46) return byte - 0x37
  return -1
}

const EXCERPT_BYTES = 120

/** The line as printable text, for an error message. */
function excerpt(bytes: Uint8Array, start: number, end: number): string {
  const cut = Math.min(end, start + EXCERPT_BYTES)
  let text = ''
  for (let at = start; at < cut; at++) {
    const byte = bytes[at] as number
    text += byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '?'
  }
  return cut < end ? `${text} ...` : text
}

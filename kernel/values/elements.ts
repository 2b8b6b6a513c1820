/**
 * Elements of arrays, in runs: where the store that holds them needs more than a copy of bytes is known here and
 * nowhere else. Three kinds of stores: words, wide values, and bytes that refer to nothing.
 *
 *   move    from one place to another: nothing is counted, what stays at the old place is nobody's
 *   copy    each is counted once more, what lay there is let go
 *   drop    each is let go, and reads 0 then
 *   wipe    what stayed behind by a move reads 0
 *   fresh   wiped, then what a new element reads as
 *
 * Guarantee: the collectors see each reference that comes and each that goes; runs may overlap.
 */
import { STATUS_OK } from '../layout'
import {
  COUNTED_COUNT_BELOW,
  COUNT_MAX,
  COUNT_SHIFT,
  KIND_BYTES,
  KIND_F32,
  KIND_I16,
  KIND_I32,
  KIND_I64,
  KIND_VALUE,
  KIND_WIDE,
  VALUES_TYPE_BYTES_AT,
  VALUES_TYPE_WIDE_AT,
  VALUES_TYPE_WORDS_AT,
  WIDE_INTEGER,
  WIDE_REFERENCE,
  WIDE_SPECIAL,
  WORD_ABSENT,
  WORD_CHARACTER_TAG,
  WORD_SPECIAL_TAG,
  WORD_TAG_MASK,
  WORD_UNDEFINED,
} from '../value-layout'
import { isYoung, young } from '../young-overlay'
import { kernelStoreWide } from './kernel'
import { isReference } from './words'
import { copyWords, leadsToObject, moveWords, own, put, release, take, tellTrial } from './world'

const ELEMENT_MAX_BYTES: u32 = 0xffff
/** What a new wide element reads as. */
const WIDE_UNDEFINED: u64 = (<u64>WIDE_SPECIAL << 32) | <u64>WORD_UNDEFINED

// ---- kinds ----------------------------------------------------------------------------------------------------------

/** Bytes of an element of `kind`; `given` bytes where the kind has no size, else 0 or the same. 0 when wrong. */
export function elementBytesOf(kind: u32, given: u32): u32 {
  if (kind - 1 >= KIND_BYTES) return 0
  if (kind == KIND_BYTES) return given <= ELEMENT_MAX_BYTES ? given : 0
  const isNarrow = kind == KIND_F32 || kind == KIND_VALUE
  const bytes: u32 = kind < KIND_I16 ? 1 : kind < KIND_I32 ? 2 : kind < KIND_I64 || isNarrow ? 4 : 8
  return given == 0 || given == bytes ? bytes : 0
}

/** Where the state has the type of the stores of `kind`. */
export function storeTypeAt(kind: u32): u32 {
  return kind == KIND_VALUE ? VALUES_TYPE_WORDS_AT : kind == KIND_WIDE ? VALUES_TYPE_WIDE_AT : VALUES_TYPE_BYTES_AT
}

/** Whether elements of `kind` may refer to objects. */
// @ts-ignore: decorator
@inline
export function mayRefer(kind: u32): bool {
  return kind == KIND_VALUE || kind == KIND_WIDE
}

// ---- wide values ----------------------------------------------------------------------------------------------------

/** Whether the halves are a wide value as it may be stored: a reference refers, a special is no other kind of word. */
export function isWide(low: u32, high: u32): bool {
  // As a word it could be a reference that nobody traces.
  if (high == WIDE_SPECIAL) return low == WORD_ABSENT || isSpecial(low)
  return high != WIDE_REFERENCE || isReference(low)
}

/** Whether the word is a special or a character. */
function isSpecial(word: u32): bool {
  const tag = word & WORD_TAG_MASK
  return tag == WORD_SPECIAL_TAG || tag == WORD_CHARACTER_TAG
}

/** Whether the halves are a NaN: all of them are stored as one. */
export function isNanWide(low: u32, high: u32): bool {
  if (high == WIDE_INTEGER || high == WIDE_REFERENCE || high == WIDE_SPECIAL) return false
  const magnitude = high & 0x7fffffff
  return magnitude > 0x7ff00000 || (magnitude == 0x7ff00000 && low != 0)
}

/** Store a wide value, counted once more. Another status than OK: nothing has changed. */
export function putWide(holder: usize, slot: usize, low: u32, high: u32): u32 {
  // @ts-ignore: set by --use
  if (HW_COUNTED) {
    if (high == WIDE_REFERENCE || load<u32>(slot, 4) == WIDE_REFERENCE) {
      return kernelStoreWide(holder, slot, low, high)
    }
  }
  // @ts-ignore: set by --use
  const isPlain = HW_COUNTED || HW_EMBEDDED || isYoung(holder) || (!young().shading && high != WIDE_REFERENCE)
  if (!isPlain) return kernelStoreWide(holder, slot, low, high)
  store<u64>(slot, <u64>low | (<u64>high << 32))
  return STATUS_OK
}

/** The same for one that the caller owns, into a slot that holds no reference. */
export function putWideOwned(holder: usize, slot: usize, low: u32, high: u32): void {
  // @ts-ignore: set by --use
  if (HW_COUNTED) store<u64>(slot, <u64>low | (<u64>high << 32))
  else putWide(holder, slot, low, high)
}

/** The reference of a wide value, 0 when it is none. */
// @ts-ignore: decorator
@inline
export function referenceOf(slot: usize): u32 {
  return load<u32>(slot, 4) == WIDE_REFERENCE ? load<u32>(slot) : 0
}

function moveWides(holder: usize, to: usize, from: usize, count: u32): void {
  const bytes = count << 3
  tellTrial(from, count << 1)
  // @ts-ignore: set by --use
  const isPlain = HW_COUNTED || HW_EMBEDDED || isYoung(holder) || !(young().bytes | young().shading)
  if (isPlain) memory.copy(to, from, bytes)
  else if (to <= from) for (let i: u32 = 0; i < bytes; i += 8) moveWide(holder, to + i, from + i)
  else for (let i = bytes; i; i -= 8) moveWide(holder, to + i - 8, from + i - 8)
}

// @ts-ignore: decorator
@inline
function moveWide(holder: usize, to: usize, from: usize): void {
  kernelStoreWide(holder, to, load<u32>(from), load<u32>(from, 4))
}

function copyWides(holder: usize, to: usize, from: usize, count: u32): u32 {
  // @ts-ignore: set by --use
  if (HW_COUNTED) {
    const bytes = count << 3
    for (let slot = from; slot < from + bytes; slot += 8) {
      const status = own(referenceOf(slot))
      if (!status) continue
      for (let taken = from; taken < slot; taken += 8) release(referenceOf(taken))
      return status
    }
    for (let slot = to; slot < to + bytes; slot += 8) release(referenceOf(slot))
    memory.copy(to, from, bytes)
  } else moveWides(holder, to, from, count)
  return STATUS_OK
}

// ---- runs -----------------------------------------------------------------------------------------------------------

/** Move `count` elements to `to`, in `holder`. */
export function moveElements(kind: u32, bytes: u32, holder: usize, to: usize, from: usize, count: u32): void {
  if (kind == KIND_VALUE) moveWords(holder, to, from, count)
  else if (kind == KIND_WIDE) moveWides(holder, to, from, count)
  else memory.copy(to, from, count * bytes)
}

/** Copy `count` elements to `to`, in `holder`. Another status than OK: nothing has changed. */
export function copyElements(kind: u32, bytes: u32, holder: usize, to: usize, from: usize, count: u32): u32 {
  if (kind == KIND_VALUE) return copyWords(holder, to, from, count)
  if (kind == KIND_WIDE) return copyWides(holder, to, from, count)
  memory.copy(to, from, count * bytes)
  return STATUS_OK
}

/** Let `count` elements of `holder` go. */
export function dropElements(kind: u32, bytes: u32, holder: usize, at: usize, count: u32): void {
  // @ts-ignore: set by --use
  if (HW_COUNTED) {
    const end = at + count * bytes
    if (kind == KIND_VALUE) for (let slot = at; slot < end; slot += 4) release(take(holder, slot))
    if (kind == KIND_WIDE) for (let slot = at; slot < end; slot += 8) dropWide(slot)
  }
  wipeElements(kind, bytes, holder, at, count)
}

function dropWide(slot: usize): void {
  const reference = referenceOf(slot)
  store<u64>(slot, 0)
  release(reference)
}

/** Clear what stayed behind of `count` elements of `holder` that were moved. */
export function wipeElements(kind: u32, bytes: u32, holder: usize, at: usize, count: u32): void {
  // @ts-ignore: set by --use
  if (!HW_COUNTED && !HW_EMBEDDED) {
    if (mayRefer(kind) && young().shading && !isYoung(holder)) {
      wipeSlowly(kind, holder, at, at + count * bytes)
      return
    }
  }
  memory.fill(at, 0, count * bytes)
}

/** While old objects are marked: what a slot loses is shown to the marker. */
function wipeSlowly(kind: u32, holder: usize, at: usize, end: usize): void {
  if (kind == KIND_VALUE) for (let slot = at; slot < end; slot += 4) put(holder, slot, 0)
  else for (let slot = at; slot < end; slot += 8) putWide(holder, slot, 0, 0)
}

/** Make `count` elements of `holder`, where nothing lies or what stayed behind, as new ones are. */
export function freshElements(kind: u32, bytes: u32, holder: usize, at: usize, count: u32): void {
  wipeElements(kind, bytes, holder, at, count)
  const end = at + count * bytes
  if (kind == KIND_VALUE) for (let slot = at; slot < end; slot += 4) store<u32>(slot, WORD_UNDEFINED)
  if (kind == KIND_WIDE) for (let slot = at; slot < end; slot += 8) store<u64>(slot, WIDE_UNDEFINED)
}

/** Whether `word` can be counted so many times more. Any word may be asked: what refers to nothing is not counted. */
export function canCount(word: u32, times: u32): bool {
  // @ts-ignore: set by --use
  if (HW_COUNTED) {
    if (leadsToObject(word)) {
      return <u64>(load<u32>(word - COUNTED_COUNT_BELOW) >> COUNT_SHIFT) + <u64>times <= <u64>COUNT_MAX
    }
  }
  return true
}

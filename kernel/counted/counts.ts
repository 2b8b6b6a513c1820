/**
 * Counts as programs see them: every reference that is handed in is checked against the byte map and the object's
 * sign before anything is read or changed, so that a wrong one is refused, a released one until its block is used
 * again.
 */
import { hugeBytes } from '../region/huge'
import { addressStatus, usableSize } from '../block/alloc'
import { nextBlock } from '../check/walk'
import {
  CODE_BLOCK,
  CODE_HUGE,
  CODE_RUN,
  STATUS_FOREIGN,
  STATUS_MISALIGNED,
  STATUS_NOT_A_BLOCK,
  STATUS_OK,
} from '../layout'
import { entryOf, heap, holds, mapAt, pageOf } from '../overlay'
import { COUNTED_HEADER_BYTES, COUNT_MAX, COUNT_ONE, COUNT_SHIFT, STATUS_COUNT } from '../value-layout'
import { countWord, isLive, isObject, isReference, signOf } from './header'
import { countOf, decrement, increment } from './release'

/**
 * Whether a counted object is at `reference`: OK; MISALIGNED where none can be; FOREIGN where nothing is ours; else
 * NOT_A_BLOCK: the inside of one, a plain block, one that was released. Any number may be asked.
 */
export function objectStatus(reference: usize): u32 {
  if (!isReference(reference)) return STATUS_MISALIGNED
  if (!heap().space) return STATUS_FOREIGN
  const block = reference - COUNTED_HEADER_BYTES
  const entry = entryOf(block)
  if (holds(entry, block)) {
    const code = <u32>load<u8>(mapAt(entry, block))
    if (code != CODE_BLOCK && code != CODE_RUN && code != CODE_HUGE) return STATUS_NOT_A_BLOCK
  } else if (!hugeBytes(block, CODE_HUGE)) return addressStatus(block)
  if (load<u32>(block) != signOf(block)) return STATUS_NOT_A_BLOCK
  const word = countWord(reference)
  return isLive(word) ? STATUS_OK : STATUS_NOT_A_BLOCK
}

/**
 * Whether one more may refer to what the word does, as a status: OK for a word that is no reference, COUNT when there
 * can be no more. Any word may be asked.
 */
export function shareStatus(word: u32): u32 {
  if (!isReference(word)) return STATUS_OK
  if (!isObject(word)) return objectStatus(word)
  if (countOf(word) == COUNT_MAX) return STATUS_COUNT
  return isLive(countWord(word)) ? STATUS_OK : STATUS_NOT_A_BLOCK
}

/** One reference more. COUNT when that would pass the most; nothing has changed then. */
export function incref(reference: usize): u32 {
  if (!isObject(reference) || !isLive(countWord(reference))) return objectStatus(reference)
  if (countOf(reference) == COUNT_MAX) return STATUS_COUNT
  increment(reference)
  return STATUS_OK
}

/** One reference less; without any the object is released, and what it alone referred to. */
export function decref(reference: usize): u32 {
  if (!isObject(reference) || !isLive(countWord(reference))) return objectStatus(reference)
  decrement(reference)
  return STATUS_OK
}

/** The count, 0 where no object is. */
export function refcount(reference: usize): u32 {
  return objectStatus(reference) ? 0 : countWord(reference) >> COUNT_SHIFT
}

/** `reference`, or 0 when no object is there. */
export function readReference(reference: usize): usize {
  return objectStatus(reference) ? 0 : reference
}

/** 4 in a block of its own run, 8 in a page; from bit 8 on the states of `value-layout.ts`. 0 where no object is. */
export function objectState(reference: usize): u32 {
  if (objectStatus(reference)) return 0
  const block = reference - COUNTED_HEADER_BYTES
  const entry = entryOf(block)
  const isInPage = holds(entry, block) && changetype<usize>(pageOf(entry, block)) != 0
  return (isInPage ? 8 : 4) | ((countWord(reference) & (COUNT_ONE - 1)) << 8)
}

/** The object with the lowest address above `reference`: 0 starts and ends. Passes all blocks. */
export function nextObject(reference: usize): usize {
  if (!heap().space) return 0
  let block = reference ? reference - COUNTED_HEADER_BYTES : 0
  while (true) {
    block = nextBlock(block)
    if (!block) return 0
    if (objectStatus(block + COUNTED_HEADER_BYTES) == STATUS_OK) return block + COUNTED_HEADER_BYTES
  }
}

/** Whether the object's bytes fit its block. */
export function fitsBlock(reference: usize, bytes: u32): bool {
  return bytes <= usableSize(reference - COUNTED_HEADER_BYTES)
}

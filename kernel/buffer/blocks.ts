/**
 * Blocks at the high end of the `embedded` build's buffer: the tables of the object space, and what the user takes by
 * hand. They grow downwards and never move. Freeing the lowest gives its memory back to the gap, together with freed
 * ones above that become the lowest; other freed blocks are used again, first fit, joined with freed neighbours.
 *
 * Bounds: taking from the gap and freeing are of constant time, using a freed block again and looking an address up
 * cost a step for each block. Few and long-lived blocks are what this is for.
 */
import {
  KNOB_POISON,
  POISON_FREED,
  POISON_FRESH,
  STATUS_FOREIGN,
  STATUS_MISALIGNED,
  STATUS_NOT_A_BLOCK,
  STATUS_OK,
  STATUS_OWNED,
} from '../layout'
import { space } from '../object-overlay'
import { heap, knob } from '../overlay'
import { check } from '../host'
import { BUFFER_MAX_BYTES, MARK_RESERVE_BYTES, RESERVE_BYTES, buffer, setLimit } from './buffer-state'

export const BLOCK_HEAD_BYTES: u32 = 8
const PAYLOAD_MIN_BYTES: u32 = 8
const BLOCK_MIN_BYTES: u32 = BLOCK_HEAD_BYTES + PAYLOAD_MIN_BYTES

/** States of a block, in its second word. */
export const BLOCK_FREED: u32 = 0
export const BLOCK_TABLE: u32 = 1
export const BLOCK_USER: u32 = 2

@unmanaged
export class BlockHead {
  bytes: u32
  state: u32
}

// @ts-ignore: decorator
@inline
export function blockHead(at: usize): BlockHead {
  return changetype<BlockHead>(at)
}

/** A table of the object space, 0 when out of memory. Never collects. */
export function bufferAlloc(bytes: u32): usize {
  return takeBlock(bytes, BLOCK_TABLE, MARK_RESERVE_BYTES)
}

export function bufferFree(block: usize): void {
  release(block - BLOCK_HEAD_BYTES)
}

/** A block for the user, 0 when out of memory. Never collects. */
export function takeUserBlock(bytes: u32): usize {
  const block = takeBlock(bytes, BLOCK_USER, RESERVE_BYTES)
  if (block && knob(KNOB_POISON)) memory.fill(block, <u8>POISON_FRESH, usableBytes(block))
  return block
}

/** A block of at least `bytes` that leaves `reserve` bytes of the gap, or 0. */
function takeBlock(bytes: u32, state: u32, reserve: u32): usize {
  if (bytes > BUFFER_MAX_BYTES) return 0
  const total = ((max<u32>(bytes, PAYLOAD_MIN_BYTES) + 7) & ~7) + BLOCK_HEAD_BYTES
  let at = heap().freeBytes >= total ? takeFreed(total) : 0
  if (!at) at = takeFromGap(total, reserve)
  if (!at) return 0
  const head = blockHead(at)
  head.state = state
  account(state, head.bytes)
  return at + BLOCK_HEAD_BYTES
}

function takeFromGap(total: u32, reserve: u32): usize {
  const b = buffer()
  const gap = <u32>(b.blocksFrom - space().bump)
  if (gap < reserve || total > gap - reserve) return 0
  b.blocksFrom -= total
  blockHead(b.blocksFrom).bytes = total
  setLimit()
  return b.blocksFrom
}

/** The first freed block that is long enough, cut to size. */
function takeFreed(total: u32): usize {
  const end = heap().end
  for (let at = buffer().blocksFrom; at < end; at += blockHead(at).bytes) {
    if (blockHead(at).state != BLOCK_FREED) continue
    joinFreed(at)
    const bytes = blockHead(at).bytes
    if (bytes < total) continue
    if (bytes - total >= BLOCK_MIN_BYTES) {
      blockHead(at).bytes = total
      blockHead(at + total).bytes = bytes - total
      blockHead(at + total).state = BLOCK_FREED
    }
    heap().freeBytes -= blockHead(at).bytes
    return at
  }
  return 0
}

/** Join a freed block with the freed ones behind it. */
function joinFreed(at: usize): void {
  const head = blockHead(at)
  const end = heap().end
  for (let next = at + head.bytes; next < end && blockHead(next).state == BLOCK_FREED; next = at + head.bytes) {
    head.bytes += blockHead(next).bytes
  }
}

/** Enter a block of `state` that was taken. */
function account(state: u32, bytes: u32): void {
  const h = heap()
  if (state == BLOCK_TABLE) h.metadataBytes += bytes
  else {
    h.runBytes += bytes
    buffer().userBlocks++
  }
}

function release(at: usize): void {
  const h = heap()
  const head = blockHead(at)
  check(head.state == BLOCK_TABLE || head.state == BLOCK_USER, 900, at)
  if (head.state == BLOCK_TABLE) h.metadataBytes -= head.bytes
  else {
    h.runBytes -= head.bytes
    buffer().userBlocks--
  }
  head.state = BLOCK_FREED
  h.freeBytes += head.bytes
  if (knob(KNOB_POISON)) memory.fill(at + BLOCK_HEAD_BYTES, <u8>POISON_FREED, head.bytes - BLOCK_HEAD_BYTES)
  const b = buffer()
  if (at != b.blocksFrom) return
  while (b.blocksFrom < h.end && blockHead(b.blocksFrom).state == BLOCK_FREED) {
    h.freeBytes -= blockHead(b.blocksFrom).bytes
    b.blocksFrom += blockHead(b.blocksFrom).bytes
  }
  setLimit()
}

// ---- addresses from outside -----------------------------------------------------------------------------------------

/** State of the block that starts at `block`, FREED when none does. Any number may be asked. */
export function stateAt(block: usize): u32 {
  const end = heap().end
  if (block < buffer().blocksFrom || block >= end || block & 7) return BLOCK_FREED
  for (let at = buffer().blocksFrom; at < block; at += blockHead(at).bytes) {
    if (at + BLOCK_HEAD_BYTES == block) return blockHead(at).state
  }
  return BLOCK_FREED
}

/** Bytes of a live block's payload. */
// @ts-ignore: decorator
@inline
export function usableBytes(block: usize): u32 {
  return blockHead(block - BLOCK_HEAD_BYTES).bytes - BLOCK_HEAD_BYTES
}

/** Whether a live block of the user starts at `block`. Any number may be asked. */
export function isBlock(block: usize): bool {
  return stateAt(block) == BLOCK_USER
}

/** Bytes of the block that may be used, 0 when none of the user's starts there. */
export function usableSize(block: usize): u32 {
  return isBlock(block) ? usableBytes(block) : 0
}

/** What freeing `block` would answer. */
export function freeStatus(block: usize): u32 {
  if (block < heap().base || block >= heap().end) return STATUS_FOREIGN
  if (block & 7) return STATUS_MISALIGNED
  const state = stateAt(block)
  if (state == BLOCK_USER) return STATUS_OK
  return state == BLOCK_TABLE ? STATUS_OWNED : STATUS_NOT_A_BLOCK
}

/** Free a block of the user. Null is nothing to do; anything else is refused with its status. */
export function free(block: usize): u32 {
  if (!block) return STATUS_OK
  const status = freeStatus(block)
  if (status == STATUS_OK) release(block - BLOCK_HEAD_BYTES)
  return status
}

/** What the verifier has found so far: sums in the scratch area of the control block. */
import { FAULT_NONE, SCRATCH_BYTES } from '../layout'
import { heap } from '../overlay'

@unmanaged
export class Totals {
  fault: u32
  metadata: u32
  freeBytes: u32
  freeRuns: u32
  pageBytes: u32
  runBytes: u32
  hugeBytes: u32
  ownedBytes: u32
  recordBytes: u32
  liveBlocks: u32
  liveBytes: u32
  binRuns: u32
  /** Of all classes. */
  slots: u32
  fullBlocks: u32
  objectBytes: u32
  /** The last pass has found something. */
  more: u32
  lentBytes: u32
  /** What is held lies between the two. */
  lowest: usize
  highest: usize
  /** Units that are TRIMMED or IDLE, and bytes of those that are TRIMMED; the second of those in metadata. */
  noted: u32
  trimmedBytes: u32
  trimmedMetadataBytes: u32
  /** Noted units in the free runs of the chunk that is walked. */
  notedFree: u32
}

const CLASSES_AT: u32 = 96

// @ts-ignore: decorator
@inline
export function totals(): Totals {
  return changetype<Totals>(heap().scratch)
}

export function clearTotals(): void {
  memory.fill(heap().scratch, 0, SCRATCH_BYTES)
  heap().fault = 0
}

/** Units, then pages, found of class `index`: addresses of the sums. */
// @ts-ignore: decorator
@inline
export function classUnitsAt(index: u32): usize {
  return heap().scratch + CLASSES_AT + (index << 3)
}

/** Note a fault at `address`; gives `code`. */
export function fault(code: u32, address: usize): u32 {
  if (totals().fault == FAULT_NONE) {
    totals().fault = code
    heap().fault = address
  }
  return totals().fault
}

/** Whether `count` bytes from `at` on are zero. */
export function isZero(at: usize, count: u32): bool {
  let i: u32 = 0
  while (i + 8 <= count) {
    if (load<u64>(at + i)) return false
    i += 8
  }
  for (; i < count; i++) if (load<u8>(at + i)) return false
  return true
}

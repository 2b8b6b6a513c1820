/**
 * The verifier's part for what was given back to the system: of each chunk the bits TRIMMED and IDLE, against the free
 * runs that the walk has found. Nothing is read of the memory that they speak of: that would bring it back.
 */
import { CHUNK_IDLE_AT, CHUNK_TRIMMED_AT, FAULT_NONE, FAULT_TRIMMED, UNIT_BITS_BYTES, UNIT_SHIFT } from '../layout'
import { Entry, addressOf, chunkOf } from '../overlay'
import { isWhollyFree } from '../region/runs'
import { countBits } from '../region/trim'
import { fault, totals } from './totals'

/** Every noted unit is in a free run, or in the metadata of a chunk that is wholly free. */
export function checkTrimmed(entry: Entry): u32 {
  const chunk = chunkOf(entry)
  const at = addressOf(chunk)
  for (let i: usize = 0; i < UNIT_BITS_BYTES; i += 8) {
    if (load<u64>(at + i, CHUNK_TRIMMED_AT) & load<u64>(at + i, CHUNK_IDLE_AT)) return fault(FAULT_TRIMMED, entry.lo)
  }
  const trimmed = countBits(at + CHUNK_TRIMMED_AT, 0, 255)
  const idle = countBits(at + CHUNK_IDLE_AT, 0, 255)
  const from = <u32>(chunk.metadataAt >> UNIT_SHIFT) & 255
  const last = <u32>((chunk.lo - 1) >> UNIT_SHIFT) & 255
  const trimmedMetadata = countBits(at + CHUNK_TRIMMED_AT, from, last)
  const inMetadata = trimmedMetadata + countBits(at + CHUNK_IDLE_AT, from, last)
  if (trimmed + idle != totals().notedFree + inMetadata) return fault(FAULT_TRIMMED, entry.lo)
  if (inMetadata && !(isWhollyFree(entry) && chunk.hi == chunk.cap)) return fault(FAULT_TRIMMED, entry.lo)
  totals().noted += trimmed + idle
  totals().trimmedBytes += trimmed << UNIT_SHIFT
  totals().trimmedMetadataBytes += trimmedMetadata << UNIT_SHIFT
  return FAULT_NONE
}

/**
 * The verifier of generations: the nursery, and the remembered set recomputed. Every word of an old object that refers
 * to a young one must be in the log; the other way around nothing is asked, since logged words may have changed.
 *
 * Method: logged words that hold young references get other low bits, which no word has (BITS_LOGGED); a walk over all
 * old objects then finds the references that are left; a second look at the log puts the bits back. So the cost is that
 * of the walk, and nothing is allocated. While marking, words are only read. None of the minor collector's code is used.
 */
import { FAULT_NONE, GRANULE_SHIFT } from '../layout'
import {
  FAULT_NURSERY,
  FAULT_OBJECT_HEADER,
  FAULT_REMEMBERED,
  MAP_OBJECT,
  MAP_SPAN,
  MAP_START,
  MAP_YOUNG,
  SHAPE_EPHEMERONS,
  SHAPE_WEAK,
} from '../object-layout'
import { space, typeInfo } from '../object-overlay'
import { objectBytes, payloadBytes, typeOf } from '../object/header'
import { scan, scanWeakWords } from '../object/scan'
import { hasWideWord } from '../object/words'
import { eachOldObject } from '../collect/each'
import { nextYoung, youngMap, youngUsedBytes } from '../collect/nursery'
import { plan } from '../collect/plan-state'
import { LOG_ENTRY, LOG_TAGS, LOG_WEAK, LOG_WIDE } from '../collect/remembered'
import { hasNursery, isYoungReference, young } from '../young-overlay'
import { isHeaderSound } from './objects'
import { fault, totals } from './totals'

// ---- the nursery ----------------------------------------------------------------------------------------------------

/** Objects of the nursery lie where they may, with headers that fit their map bytes. They have all been tagged. */
export function checkNursery(): u32 {
  if (!hasNursery()) return FAULT_NONE
  const y = young()
  const s = space()
  const end = y.base + y.bytes
  if (s.bump < y.eden || plan().heldLimit > end || y.eden > end || youngUsedBytes() > y.bytes) {
    return fault(FAULT_NURSERY, y.base)
  }
  if (y.halfTop < y.half || y.halfTop > y.half + y.halfBytes) return fault(FAULT_NURSERY, y.half)
  let bytes: u32 = 0
  for (let at = y.base; at < end; ) {
    const byte = <u32>load<u8>(youngMap(at))
    if (byte == MAP_YOUNG) {
      at += 16
      continue
    }
    const found = checkYoungObject(at, byte)
    if (found) return found
    bytes += objectBytes(at + 8)
    at += objectBytes(at + 8)
  }
  return bytes == youngUsedBytes() ? FAULT_NONE : fault(FAULT_NURSERY, s.bump)
}

function checkYoungObject(header: usize, byte: u32): u32 {
  const end = young().base + young().bytes
  if ((byte & (MAP_YOUNG | MAP_START)) != (MAP_YOUNG | MAP_START)) return fault(FAULT_NURSERY, header)
  if (!isHeaderSound(header + 8)) return fault(FAULT_OBJECT_HEADER, header)
  const bytes = objectBytes(header + 8)
  if (bytes > <u32>(end - header) || (bytes > 16) != ((byte & MAP_SPAN) != 0)) return fault(FAULT_OBJECT_HEADER, header)
  for (let at = header + 16; at < header + bytes; at += 16) {
    const inner = <u32>load<u8>(youngMap(at))
    const isLast = at + 16 == header + bytes
    if (inner != (isLast ? MAP_YOUNG | MAP_SPAN : MAP_YOUNG)) return fault(FAULT_NURSERY, header)
  }
  return FAULT_NONE
}

// ---- the remembered set ---------------------------------------------------------------------------------------------

/** What is changed of a logged reference: its low bits are then 100, which no word's are. */
const BITS_LOGGED: usize = 12

/** Every true edge from an old object to a young one is recorded. */
export function checkRemembered(): u32 {
  if (!hasNursery() || young().logLost) return FAULT_NONE
  const y = young()
  if (y.logTop < y.logBase || y.logTop > y.logLimit) return fault(FAULT_NURSERY, y.logBase)
  eachLogged<Setter>()
  eachOldObject<EdgeCheck>()
  eachLogged<Clearer>()
  return totals().fault
}

/** Call `V.word(slot)` for every word that the log names and that holds, or held, a young reference. */
function eachLogged<V>(): void {
  const y = young()
  for (let at = y.logBase; at < y.logTop; at += 4) {
    const slot = load<usize>(at)
    if (slot == LOG_WEAK) continue
    const word = slot & ~LOG_TAGS
    // A wide value and an entry have eight bytes. A plain word may be the memory's last.
    const bytes: u64 = slot & LOG_TAGS ? 8 : 4
    if (<u64>word + bytes > <u64>(<u32>memory.size()) << 16) continue
    if ((slot & LOG_TAGS) == LOG_WIDE && !hasWideWord(word)) continue
    changetype<V>(0).word(word)
    if ((slot & LOG_TAGS) != LOG_ENTRY) continue
    changetype<V>(0).word(word + 4)
    at += 4
  }
}

@unmanaged
@final
class Setter {
  word(slot: usize): void {
    if (isYoungReference(load<usize>(slot))) store<usize>(slot, load<usize>(slot) ^ BITS_LOGGED)
  }
}

@unmanaged
@final
class Clearer {
  word(slot: usize): void {
    const reference = load<usize>(slot) ^ BITS_LOGGED
    if (isYoungReference(reference)) store<usize>(slot, reference)
  }
}

@unmanaged
@final
class EdgeCheck {
  object(reference: usize): void {
    scan<EdgeCheck>(reference)
    const shape = <u32>typeInfo(typeOf(reference)).shape
    if (shape == SHAPE_WEAK || shape == SHAPE_EPHEMERONS) {
      scanWeakWords<EdgeCheck>(reference, shape, payloadBytes(reference))
    }
  }

  visit(slot: usize): void {
    const reference = load<usize>(slot)
    if (isYoungReference(reference)) fault(FAULT_REMEMBERED, slot)
  }
}

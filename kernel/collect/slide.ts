/**
 * Sliding: after marking and sweeping, all objects of blocks move down to the lowest blocks, in the order of their
 * addresses, without memory of its own (the three passes of Lisp 2; Jones, Hosking, Moss, The Garbage Collection
 * Handbook, 3.2).
 *
 *   assign    each object gets its new place; what moves keeps it in its size word, next to the low four bits of its
 *             size, and its map byte says so: the map's first and last bytes tell the rest of the size
 *   correct   every reference in roots, stacks, tables and live objects is replaced by the new one
 *   move      in the order of addresses; sizes are put back
 *
 * An object never crosses the end of a block, and pinned ones stay where they are: the others flow around them. The new
 * place is never above the old one, since the old places are themselves such a packing, so nothing is overwritten.
 */
import { check } from '../host'
import { GRANULE_SHIFT } from '../layout'
import {
  MAP_ALWAYS,
  MAP_FORWARDED,
  MAP_PINNED,
  MAP_SPAN,
  MAP_START,
  ROOT_WEAK,
} from '../object-layout'
import { space, typeInfo } from '../object-overlay'
import { entryOf, mapAt } from '../overlay'
import { typeOf } from '../object/header'
import { scanAs, scanWeakWords } from '../object/scan'
import { isReference } from '../object/words'
import { visitFinalizerSlots } from '../root/finalizers'
import { remakeIndex, visitHashSlots } from '../root/hashes'
import { visitList } from '../root/lists'
import { visitMovingRoots, visitPinningRoots } from '../root/visit'
import { isYoung, young } from '../young-overlay'
import {
  BLOCK_PINNED,
  ObjectBlock,
  addressAt,
  blockMap,
  blockMapEnd,
  blockOf,
  nextBlockAfter,
} from './blocks'
import { tagObject } from './fresh'
import { Large, largeReference } from './large'
import { eachYoung } from './nursery'
import { guardedSlot, plan } from './plan-state'
import { finishSweep } from './sweep'

/** Slide all objects of blocks together. Everything is swept, no hole is open. */
export function slide(): void {
  visitPinningRoots<Pinner>()
  assignAll()
  correctAll()
  moveAll()
  finishSweep()
  remakeIndex()
}

@unmanaged
@final
class Pinner {
  visit(slot: usize): void {
    const reference = load<usize>(slot)
    // A young object that stays is no part of the slide.
    if (!isReference(reference) || isYoung(reference)) return
    const entry = entryOf(reference)
    const map = mapAt(entry, reference)
    // An immortal object stays where it is anyhow.
    if ((load<u8>(map) & MAP_ALWAYS) == <u8>MAP_ALWAYS) return
    store<u8>(map, load<u8>(map) | <u8>MAP_PINNED)
    const place = blockOf(entry, reference)
    if (place) changetype<ObjectBlock>(place).flags |= BLOCK_PINNED
  }
}

// ---- walking -------------------------------------------------------------------------------------------------------

/** Map byte of the first object at or behind `map`; `end` when there is none. */
function nextStart(map: usize, end: usize): usize {
  let at = map
  while (at < end) {
    if (!(at & 7) && !load<u64>(at)) {
      at += 8
      continue
    }
    if (load<u8>(at) & MAP_START) return at
    at++
  }
  return end
}

/** Granules of the object whose first byte is at `map`. */
function granulesAt(map: usize): u32 {
  if (!(load<u8>(map) & MAP_SPAN)) return 1
  let at = map + 1
  while (!load<u8>(at)) at++
  return <u32>(at - map) + 1
}

/** Call `V.object(block, map, granules)` for every object of blocks, in the order of addresses. */
function eachObject<V>(): void {
  for (let place = nextBlockAfter(0); place; place = nextBlockAfter(place)) {
    const block = changetype<ObjectBlock>(place)
    const end = blockMapEnd(block)
    let map = nextStart(blockMap(block), end)
    while (map < end) {
      const granules = granulesAt(map)
      changetype<V>(0).object(block, map, granules)
      map = nextStart(map + granules, end)
    }
  }
}

/** Payload bytes of the object: from its size word, or if that holds its new place from that and its granules. */
// @ts-ignore: decorator
@inline
function sizeOf(reference: usize, byte: u32, granules: u32): u32 {
  const word = load<u32>(reference - 4)
  if (!(byte & MAP_FORWARDED)) return word
  const most = (granules << GRANULE_SHIFT) - 8
  return most - ((most - word) & 15)
}

// ---- pass 1 --------------------------------------------------------------------------------------------------------

/** Where the next object goes: kept in words of the plan that only evacuation uses otherwise. */
function assignAll(): void {
  const p = plan()
  p.slideBlock = nextBlockAfter(0)
  p.evacuationBump = p.slideBlock ? changetype<ObjectBlock>(p.slideBlock).start : 0
  p.evacuationLimit = limitFrom(p.evacuationBump)
  eachObject<Assigner>()
}

@unmanaged
@final
class Assigner {
  object(block: ObjectBlock, map: usize, granules: u32): void {
    const header = addressAt(block, map)
    const byte = <u32>load<u8>(map)
    if (byte & MAP_PINNED) return
    const to = takePlace(granules << GRANULE_SHIFT)
    check(to <= header, 831, header)
    if (to == header) return
    store<u32>(header, <u32>to | (load<u32>(header, 4) & 15), 4)
    store<u8>(map, <u8>(byte | MAP_FORWARDED))
  }
}

/** The next place for `bytes` that no pinned object takes. */
function takePlace(bytes: u32): usize {
  const p = plan()
  while (p.evacuationBump + bytes > p.evacuationLimit) {
    const block = changetype<ObjectBlock>(p.slideBlock)
    const end = block.start + block.bytes
    if (p.evacuationLimit < end) {
      // Behind the pinned object at the limit.
      const map = block.mapBias + (p.evacuationLimit >> GRANULE_SHIFT)
      p.evacuationBump = p.evacuationLimit + (<usize>granulesAt(map) << GRANULE_SHIFT)
    } else {
      p.slideBlock = nextBlockAfter(p.slideBlock)
      p.evacuationBump = changetype<ObjectBlock>(p.slideBlock).start
    }
    p.evacuationLimit = limitFrom(p.evacuationBump)
  }
  const at = p.evacuationBump
  p.evacuationBump = at + bytes
  return at
}

/** The first pinned object at or behind `from` in its block, or the block's end. */
function limitFrom(from: usize): usize {
  if (!from) return 0
  const block = changetype<ObjectBlock>(plan().slideBlock)
  const end = block.start + block.bytes
  if (!(block.flags & BLOCK_PINNED)) return end
  for (let at = from; at < end; at += 16) {
    if (load<u8>(block.mapBias + (at >> GRANULE_SHIFT)) & MAP_PINNED) return at
  }
  return end
}

// ---- pass 2 --------------------------------------------------------------------------------------------------------

@unmanaged
@final
class Corrector {
  // @ts-ignore: decorator
  @inline
  visit(slot: usize): void {
    const reference = load<usize>(slot)
    if (!isReference(reference)) return
    if (load<u8>(mapAt(entryOf(reference), reference)) & MAP_FORWARDED) {
      store<usize>(slot, (load<usize>(reference - 4) & ~15) + 8)
    }
  }

  object(block: ObjectBlock, map: usize, granules: u32): void {
    const reference = addressAt(block, map) + 8
    correctObject(reference, sizeOf(reference, load<u8>(map), granules))
  }
}

/** Replace every reference to what has moved or is about to. */
export function correctAll(): void {
  visitMovingRoots<Corrector>()
  changetype<Corrector>(0).visit(guardedSlot())
  visitList<Corrector>(ROOT_WEAK)
  visitFinalizerSlots<Corrector>()
  visitHashSlots<Corrector>()
  eachObject<Corrector>()
  if (young().stayed) eachYoung<YoungCorrector>()
  for (let piece = space().large; piece; piece = changetype<Large>(piece).next) {
    const reference = largeReference(piece)
    correctObject(reference, load<u32>(reference - 4))
  }
}

@unmanaged
@final
class YoungCorrector {
  object(reference: usize): void {
    correctObject(reference, load<u32>(reference - 4))
  }
}

function correctObject(reference: usize, bytes: u32): void {
  const info = typeInfo(typeOf(reference))
  scanAs<Corrector>(reference, info, bytes)
  scanWeakWords<Corrector>(reference, info.shape, bytes)
}

// ---- pass 3 --------------------------------------------------------------------------------------------------------

/** Afterwards the blocks are to be swept anew, which gives back the empty ones. */
function moveAll(): void {
  eachObject<Mover>()
  for (let place = nextBlockAfter(0); place; place = nextBlockAfter(place)) {
    changetype<ObjectBlock>(place).flags = 0
    changetype<ObjectBlock>(place).epoch = space().collections - 1
  }
}

@unmanaged
@final
class Mover {
  object(block: ObjectBlock, map: usize, granules: u32): void {
    const byte = <u32>load<u8>(map)
    if (byte & MAP_PINNED) store<u8>(map, <u8>(byte & ~MAP_PINNED))
    else if (byte & MAP_FORWARDED) moveObject(block, map, granules, byte)
  }
}

function moveObject(block: ObjectBlock, map: usize, granules: u32, byte: u32): void {
  const header = addressAt(block, map)
  const bytes = granules << GRANULE_SHIFT
  const to = load<usize>(header, 4) & ~15
  store<u32>(header, sizeOf(header + 8, byte, granules), 4)
  store<u8>(map, 0)
  store<u8>(map + granules - 1, 0)
  memory.copy(to, header, bytes)
  tagObject(entryOf(to).mapBias, to, bytes, space().colour)
  space().moved++
}

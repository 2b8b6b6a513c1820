/**
 * Scanning: the one place that knows where the references of an object are. A visitor is an unmanaged class with a
 * method `visit(slot)`, called with the address of each word that may hold a reference, whatever it holds; the compiler
 * makes one copy of the loop for each. Hot markers have loops of their own for the common shapes and come here for the
 * rest.
 *
 * Weak words are not visited: the first word of a weak reference, the entries of a weak map's table.
 */
import {
  SHAPE_EPHEMERONS,
  SHAPE_LEAF,
  SHAPE_LIST,
  SHAPE_MASK,
  SHAPE_MIXED,
  SHAPE_REFS,
  SHAPE_WEAK,
  SHAPE_WIDE,
} from '../object-layout'
import { TypeInfo, typeInfo } from '../object-overlay'
import { payloadBytes, typeOf } from './header'
import { DELETED, capacityFor, weakEntry } from './weak'
import { hasWideWord } from './words'

/** Visit every strong reference of the object. */
export function scan<V>(reference: usize): void {
  scanAs<V>(reference, typeInfo(typeOf(reference)), payloadBytes(reference))
}

/** The same with type and size known: during a move the header may hold something else. */
export function scanAs<V>(reference: usize, info: TypeInfo, bytes: u32): void {
  const shape = <u32>info.shape
  if (shape == SHAPE_LEAF) return
  if (shape > SHAPE_REFS) scanOther<V>(reference, info, bytes)
  if (shape == SHAPE_LIST) return
  visitWords<V>(reference, reference + (<u32>info.refs << 2))
  if (shape == SHAPE_REFS) visitWords<V>(reference + info.fixedBytes, reference + bytes)
}

/** Visit what the less common shapes have beside a prefix, which may be of no words. */
function scanOther<V>(reference: usize, info: TypeInfo, bytes: u32): void {
  const shape = <u32>info.shape
  const end = reference + bytes
  let at = reference + info.fixedBytes
  if (shape == SHAPE_MASK) visitMask<V>(reference, info.refMask)
  else if (shape == SHAPE_LIST) visitList<V>(reference, info)
  else if (shape == SHAPE_WIDE) visitWide<V>(at, end)
  else if (shape == SHAPE_MIXED) for (; at < end; at += <usize>info.elementBytes) visitMask<V>(at, info.elementMask)
}

/** Visit the references in the elements from `from` to `end` of an object of SHAPE_REFS, WIDE or MIXED. */
// @ts-ignore: decorator
@inline
export function scanElements<V>(info: TypeInfo, from: usize, end: usize): void {
  const shape = <u32>info.shape
  if (shape == SHAPE_REFS) visitWords<V>(from, end)
  else if (shape == SHAPE_WIDE) visitWide<V>(from, end)
  else for (let at = from, step = <usize>info.elementBytes; at < end; at += step) visitMask<V>(at, info.elementMask)
}

/** The same for an object of SHAPE_WIDE, with a visitor of its own for the words in wide values. */
export function scanWide<V, W>(reference: usize, info: TypeInfo, bytes: u32): void {
  visitWords<V>(reference, reference + (<u32>info.refs << 2))
  visitWide<W>(reference + info.fixedBytes, reference + bytes)
}

/** Visit the words in the wide values from `from` to `to`. */
export function visitWide<W>(from: usize, to: usize): void {
  for (let slot = from; slot < to; slot += 8) if (hasWideWord(slot)) changetype<W>(0).visit(slot)
}

// @ts-ignore: decorator
@inline
function visitWords<V>(from: usize, to: usize): void {
  for (let slot = from; slot < to; slot += 4) changetype<V>(0).visit(slot)
}

// @ts-ignore: decorator
@inline
function visitMask<V>(at: usize, mask: u32): void {
  while (mask) {
    changetype<V>(0).visit(at + (ctz(mask) << 2))
    mask &= mask - 1
  }
}

// @ts-ignore: decorator
@inline
function visitList<V>(reference: usize, info: TypeInfo): void {
  const end = info.refMask + (<u32>info.refs << 1)
  for (let at = info.refMask; at < end; at += 2) changetype<V>(0).visit(reference + <usize>load<u16>(at))
}

/**
 * Visit the weak words of the object of `shape` and `bytes` of payload, for collectors that move after they have
 * cleared what died.
 */
export function scanWeakWords<V>(reference: usize, shape: u32, bytes: u32): void {
  if (shape == SHAPE_WEAK) changetype<V>(0).visit(reference)
  else if (shape == SHAPE_EPHEMERONS) {
    const capacity = capacityFor(bytes)
    for (let i: u32 = 0; i < capacity; i++) {
      const entry = weakEntry(reference, i)
      if (entry.key <= DELETED) continue
      changetype<V>(0).visit(changetype<usize>(entry))
      changetype<V>(0).visit(changetype<usize>(entry) + 4)
    }
  }
}

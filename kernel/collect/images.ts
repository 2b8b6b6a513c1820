/**
 * Images of immortal objects: pieces whose objects are entered in the map once, in both colours, so that every marker
 * takes them for marked: they are never scanned, never moved, never freed, and no collector writes to them.
 *
 *   piece   [ next ][ bytes ][ isSealed ] ... 64 [ object ][ object ] ...
 *
 * Objects refer to immortal objects only. A piece longer than a chunk can give holds one object. A shared image lies in
 * a segment of the shared space instead of a piece (`shared.ts`), and refers to shared objects only.
 */
import {
  ALIGN_MAX_BYTES,
  FLAG_PIECES,
  GRANULE_BYTES,
  GRANULE_SHIFT,
  STATUS_BAD_ARGUMENT,
  STATUS_OK,
  STATUS_OUT_OF_MEMORY,
} from '../layout'
import {
  IMAGE_MAX_BYTES,
  LARGE_HEAD_BYTES,
  MAP_ALWAYS,
  MAP_SPAN,
  MAP_START,
  OBJECT_IMMORTAL,
  OBJECT_USER_MASK,
  SHAPE_EPHEMERONS,
  SHAPE_WEAK,
  TYPE_FIRST_USER,
  TYPE_MASK,
} from '../object-layout'
import { refused, space, typeInfo } from '../object-overlay'
import { entryOf, heap, holds, mapAt } from '../overlay'
import { headWord, objectBytes, payloadBytes, setHeadWord } from '../object/header'
import { scan } from '../object/scan'
import { isKnownType, sizeFits } from '../object/types'
import { isReference } from '../object/words'
import { allocPiece, allocPieceAligned, freePiece } from '../region/piece'
import { hasOwnMap } from '../object/owners'
import { largePieceBytes, pagedPieceBytes } from './large'
import { dropShared, takeShared } from './shared'

@unmanaged
export class Image {
  next: usize
  bytes: u32
  isSealed: u32
  isShared: u32
}

/**
 * Memory for `bytes` of objects, a multiple of 16: the first one's header goes there. 0 when refused. With
 * `pageBytes`, a power of two up to 64 KiB, the piece is of such whole pages, its head in front of the first object
 * included; 0: it lies where there is room.
 */
export function imageCreate(bytes: u32, pageBytes: u32): usize {
  if (!isImageSize(bytes) || !isPageSize(pageBytes)) return refused(STATUS_BAD_ARGUMENT)
  if (pageBytes <= GRANULE_BYTES) return begin(allocPiece(largePieceBytes(bytes)), bytes, false)
  return begin(allocPieceAligned(pagedPieceBytes(bytes, pageBytes), pageBytes), bytes, false)
}

/** The same in the shared space. Not in a heap of pieces, which has none of its own. */
export function sharedCreate(bytes: u32): usize {
  if (!isImageSize(bytes) || heap().flags & FLAG_PIECES) return refused(STATUS_BAD_ARGUMENT)
  return begin(takeShared(bytes + LARGE_HEAD_BYTES), bytes, true)
}

// @ts-ignore: decorator
@inline
function isImageSize(bytes: u32): bool {
  return bytes != 0 && !(bytes & 15) && bytes <= 0x7ffffff0
}

// @ts-ignore: decorator
@inline
function isPageSize(bytes: u32): bool {
  return bytes <= ALIGN_MAX_BYTES && !(bytes & (bytes - 1))
}

/** Enter an image that lies at `piece`. */
function begin(piece: usize, bytes: u32, isShared: bool): usize {
  if (!piece) return refused(STATUS_OUT_OF_MEMORY)
  const image = changetype<Image>(piece)
  image.next = space().images
  image.bytes = bytes
  image.isSealed = 0
  image.isShared = isShared ? 1 : 0
  space().images = piece
  memory.fill(piece + LARGE_HEAD_BYTES, 0, bytes)
  return piece + LARGE_HEAD_BYTES
}

/** The image whose first header is at `address`, 0 when there is none. */
function imageAt(address: usize): usize {
  for (let piece = space().images; piece; piece = changetype<Image>(piece).next) {
    if (piece + LARGE_HEAD_BYTES == address) return piece
  }
  return 0
}

/**
 * Enter the objects of an image: BAD_ARGUMENT, and nothing has changed, when they are not whole objects back to back.
 */
export function imageSeal(address: usize): u32 {
  const piece = imageAt(address)
  if (!piece || changetype<Image>(piece).isSealed) return STATUS_BAD_ARGUMENT
  const image = changetype<Image>(piece)
  const end = address + image.bytes
  for (let at = address; at < end; ) {
    const bytes = saneBytes(at + 8, end)
    if (!bytes || (image.bytes > IMAGE_MAX_BYTES && bytes != image.bytes)) return STATUS_BAD_ARGUMENT
    at += bytes
  }
  for (let at = address; at < end; at += objectBytes(at + 8)) {
    setHeadWord(at + 8, headWord(at + 8) | OBJECT_IMMORTAL)
    tag(at, objectBytes(at + 8), image.bytes <= IMAGE_MAX_BYTES)
  }
  image.isSealed = 1
  return STATUS_OK
}

/** What the object takes whose reference would be `reference`; 0 when there is none that ends by `end`. */
export function saneBytes(reference: usize, end: usize): u32 {
  const head = headWord(reference)
  const type = head & TYPE_MASK
  if (type < TYPE_FIRST_USER || !isKnownType(type)) return 0
  // Of the flags only the user's, or the mark of an image itself, may be there.
  if (head & ~(TYPE_MASK | OBJECT_IMMORTAL | OBJECT_USER_MASK)) return 0
  // Nobody would clear a weak word there.
  const shape = <u32>typeInfo(type).shape
  if (shape == SHAPE_WEAK || shape == SHAPE_EPHEMERONS) return 0
  const size = payloadBytes(reference)
  if (!sizeFits(typeInfo(type), size)) return 0
  const bytes = objectBytes(reference)
  return bytes <= <u32>(end - (reference - 8)) ? bytes : 0
}

function tag(header: usize, bytes: u32, hasMap: bool): void {
  const entry = entryOf(header)
  const map = mapAt(entry, header)
  const last = mapAt(entry, header + bytes - 1)
  if (bytes <= 16 || !hasMap) store<u8>(map, <u8>MAP_ALWAYS)
  else {
    store<u8>(map, <u8>(MAP_ALWAYS | MAP_SPAN))
    store<u8>(last, <u8>((MAP_ALWAYS & ~MAP_START) | MAP_SPAN))
  }
}

/**
 * Whether every reference in the sealed image at `address` is an immortal object's, of a shared one a shared object's:
 * OK, or BAD_ARGUMENT.
 */
export function imageCheck(address: usize): u32 {
  const piece = imageAt(address)
  if (!piece || !changetype<Image>(piece).isSealed) return STATUS_BAD_ARGUMENT
  heap().fault = 0
  const end = address + changetype<Image>(piece).bytes
  for (let at = address; at < end; at += objectBytes(at + 8)) {
    if (changetype<Image>(piece).isShared) scan<SharedCheck>(at + 8)
    else scan<ImmortalCheck>(at + 8)
  }
  return heap().fault ? STATUS_BAD_ARGUMENT : STATUS_OK
}

@unmanaged
@final
class ImmortalCheck {
  visit(slot: usize): void {
    const reference = load<usize>(slot)
    if (isReference(reference) && !isImmortalStart(reference)) heap().fault = slot
  }
}

@unmanaged
@final
class SharedCheck {
  visit(slot: usize): void {
    const reference = load<usize>(slot)
    if (isReference(reference) && !isSharedStart(reference)) heap().fault = slot
  }
}

/** Whether an immortal object starts behind the header in front of `reference`. Any number may be asked. */
export function isImmortalStart(reference: usize): bool {
  const header = reference - 8
  const entry = entryOf(header)
  if (holds(entry, header)) return isImmortalByte(load<u8>(mapAt(entry, header)))
  return isSharedStart(reference)
}

/** Whether it is one of the shared space, the heap's own or one that it has entered. Any number may be asked. */
export function isSharedStart(reference: usize): bool {
  if ((reference & 15) != 8) return false
  const header = reference - 8
  const entry = entryOf(header)
  return hasOwnMap(entry, header) && isImmortalByte(load<u8>(mapAt(entry, header)))
}

// @ts-ignore: decorator
@inline
function isImmortalByte(byte: u8): bool {
  return (byte & ~MAP_SPAN) == <u8>MAP_ALWAYS
}

/** Take an image out again that could not be completed: nothing may refer to it. */
export function imageDrop(address: usize): u32 {
  const piece = imageAt(address)
  if (!piece) return STATUS_BAD_ARGUMENT
  const image = changetype<Image>(piece)
  if (space().images == piece) space().images = image.next
  else {
    let before = space().images
    while (changetype<Image>(before).next != piece) before = changetype<Image>(before).next
    changetype<Image>(before).next = image.next
  }
  if (image.isSealed) untag(address, image.bytes)
  if (image.isShared) dropShared(piece, image.bytes + LARGE_HEAD_BYTES)
  else freePiece(piece, false)
  return STATUS_OK
}

function untag(address: usize, bytes: u32): void {
  const map = mapAt(entryOf(address), address)
  if (bytes <= IMAGE_MAX_BYTES) memory.fill(map, 0, bytes >> GRANULE_SHIFT)
  else store<u8>(map, 0)
}

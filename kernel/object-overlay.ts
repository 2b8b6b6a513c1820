/**
 * The classes through which the kernel reads the structures of `object-layout.ts`. Field order is the layout;
 * `kernel-tests/layout.test.ts` holds it against the constants.
 */
import {
  CLASS_INFO_BYTES,
  CLASS_MAX,
  CONTEXT_BYTES,
  EMBEDDED_HEADER_BYTES,
  HEAP_BIN_BITS_BYTES,
  HEAP_BINS_BYTES,
  HEAP_HEADER_BYTES,
  HEAP_SPACE_AT,
  PAGE_BYTES,
} from './layout'
import { ROOT_KINDS, SPACE_ALWAYS_AT, SPACE_ROOTS_AT, TYPE_SHIFT } from './object-layout'
import { self } from './overlay'

/** The words through which programs and collectors meet. */
@unmanaged
export class Space {
  bump: usize
  limit: usize
  shadowTop: usize
  shadowLimit: usize
  shadowBase: usize
  pinTop: usize
  pinLimit: usize
  pinBase: usize
  globalObject: usize
  pendingException: usize
  types: usize
  typeCount: u32
  typeCapacity: u32
  handleTop: usize
  handleLimit: usize
  handleSegment: usize
  /** First segment and first free slot of each kind of `ROOT_…`. */
  roots0: usize
  free0: usize
  roots1: usize
  free1: usize
  roots2: usize
  free2: usize
  roots3: usize
  free3: usize
  finalizers: usize
  finalizerCount: u32
  finalizerCapacity: u32
  /** Ready ids ever, and those taken. */
  finalizerReady: u32
  finalizerTaken: u32
  hashes: usize
  hashCount: u32
  hashCapacity: u32
  hashState: u32
  status: u32
  colour: u32
  policy: u32
  markStack: usize
  markStackEnd: usize
  overflows: u32
  budgetBytes: u32
  allocatedBytes: u32
  liveBytes: u32
  liveObjects: u32
  collections: u32
  compactions: u32
  moved: u32
  cause: u32
  stress: u32
  stressNumber: u32
  stressState: u32
  stressLeft: u32
  weakList: usize
  tableList: usize
  tablesSeen: usize
  images: usize
  large: usize
  /** First word of what the plan keeps, see `collect/plan-state.ts` and `buffer/buffer-state.ts`. */
  plan: usize
}

@unmanaged
export class TypeInfo {
  shape: u8
  trail: u8
  refs: u16
  fixedBytes: u32
  refMask: u32
  elementBytes: u16
  pad: u16
  elementMask: u32
  textAt: usize
  textBytes: u32
  allocated: u32
}

/** How far below the context the control block has the address of the object space. */
const SPACE_WORD_BELOW: u32 =
  HEAP_HEADER_BYTES + HEAP_BIN_BITS_BYTES + HEAP_BINS_BYTES + CLASS_MAX * CLASS_INFO_BYTES + PAGE_BYTES - HEAP_SPACE_AT

/** In the build with counted objects the space is a piece, made when it is first wanted: 0 while there is none. */
// @ts-ignore: decorator
@inline
export function spaceAt(): usize {
  // @ts-ignore: set by --use
  if (HW_COUNTED) return load<usize>(self - SPACE_WORD_BELOW)
  // @ts-ignore: set by --use
  return HW_EMBEDDED ? self + EMBEDDED_HEADER_BYTES : self + CONTEXT_BYTES
}

// @ts-ignore: decorator
@inline
export function space(): Space {
  return changetype<Space>(spaceAt())
}

/** Descriptor of a type that is known. */
// @ts-ignore: decorator
@inline
export function typeInfo(type: u32): TypeInfo {
  return changetype<TypeInfo>(space().types + (type << TYPE_SHIFT))
}

/** Address of the byte that looks marked in every colour. */
// @ts-ignore: decorator
@inline
export function alwaysMarked(): usize {
  return spaceAt() + SPACE_ALWAYS_AT
}

/** Addresses of the two words of a root list: its first segment, its first free slot. */
// @ts-ignore: decorator
@inline
export function rootListAt(kind: u32): usize {
  return spaceAt() + SPACE_ROOTS_AT + ((kind & (ROOT_KINDS - 1)) << 3)
}

/** Answer 0 with a reason. */
export function refused(status: u32): u32 {
  space().status = status
  return 0
}

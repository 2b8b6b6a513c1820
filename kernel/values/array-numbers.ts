/**
 * Arrays of numbers, element by element: of 8 to 32 bits with and without a sign, f32 and f64. What is stored is
 * converted as a typed array of JavaScript converts it: modulo 2^n, NaN and infinities to 0; f32 rounded.
 */
import { STATUS_OK } from '../layout'
import {
  KIND_F32,
  KIND_F64,
  KIND_I16,
  KIND_I32,
  KIND_I64,
  KIND_I8,
  KIND_U16,
  KIND_U32,
  KIND_U8,
  STATUS_NONE,
  STATUS_RANGE,
  STATUS_TYPE,
} from '../value-layout'
import {
  elementAt,
  elementBytes,
  isArray,
  isWritable,
  kindOf,
  lengthOf,
  makeRoom,
  setLength,
  storeOf,
  whyNotWritable,
} from './arrays'
import { failed, kept, letGo, payloadBytes, refuse } from './world'

const TWO_TO_32: f64 = 4294967296.0

/** Whether elements of `kind` are numbers that an f64 can be exactly. */
// @ts-ignore: decorator
@inline
export function isNumberKind(kind: u32): bool {
  return kind - 1 < KIND_I64 - 1 || kind == KIND_F32 || kind == KIND_F64
}

/** The element at `at` of an array of numbers. */
export function loadNumber(kind: u32, at: usize): f64 {
  if (kind == KIND_F64) return load<f64>(at)
  if (kind == KIND_F32) return <f64>load<f32>(at)
  if (kind == KIND_I32) return <f64>load<i32>(at)
  if (kind == KIND_U32) return <f64>load<u32>(at)
  if (kind == KIND_U8) return <f64>load<u8>(at)
  if (kind == KIND_I8) return <f64>load<i8>(at)
  return kind == KIND_U16 ? <f64>load<u16>(at) : <f64>load<i16>(at)
}

export function storeNumber(kind: u32, at: usize, value: f64): void {
  if (kind == KIND_F64) store<f64>(at, value)
  else if (kind == KIND_F32) store<f32>(at, <f32>value)
  else if (kind >= KIND_I32) store<u32>(at, wrapped(value))
  else if (kind >= KIND_I16) store<u16>(at, <u16>wrapped(value))
  else store<u8>(at, <u8>wrapped(value))
}

/** The whole part modulo 2^32. */
function wrapped(value: f64): u32 {
  if (value > -2147483649.0 && value < TWO_TO_32) return value < 0 ? <u32>(<i32>value) : <u32>value
  // NaN, infinities.
  if (!(value - value == 0)) return 0
  // Exact: both are products with a power of two.
  const whole = trunc<f64>(value)
  const rest = whole - trunc<f64>(whole / TWO_TO_32) * TWO_TO_32
  return rest < 0 ? <u32>(rest + TWO_TO_32) : <u32>rest
}

/** NaN with STATUS_RANGE, STATUS_TYPE. */
export function arrayGetNumber(array: u32, index: u32): f64 {
  if (!isArray(array) || !isNumberKind(kindOf(array))) return notANumber(STATUS_TYPE)
  return index < lengthOf(array) ? loadNumber(kindOf(array), elementAt(array, index)) : notANumber(STATUS_RANGE)
}

function notANumber(status: u32): f64 {
  refuse(status)
  return NaN
}

export function arraySetNumber(array: u32, index: u32, value: f64): u32 {
  if (!isWritable(array)) return failed(whyNotWritable(array))
  if (!isNumberKind(kindOf(array))) return failed(STATUS_TYPE)
  if (index >= lengthOf(array)) return failed(STATUS_RANGE)
  storeNumber(kindOf(array), elementAt(array, index), value)
  return STATUS_OK
}

export function arrayPushNumber(array: u32, value: f64): u32 {
  if (!isWritable(array)) return failed(whyNotWritable(array))
  const kind = kindOf(array)
  if (!isNumberKind(kind)) return failed(STATUS_TYPE)
  const bytes = elementBytes(array)
  const length = lengthOf(array)
  const at = storeOf(array)
  // Both are below 2^31.
  if (at && (length + 1) * bytes <= payloadBytes(at)) {
    storeNumber(kind, at + <usize>(length * bytes), value)
    setLength(array, length + 1)
    return STATUS_OK
  }
  return pushWithGrowth(array, value)
}

function pushWithGrowth(array: u32, value: f64): u32 {
  const status = makeRoom(array, 1)
  const moved = kept(0)
  letGo()
  if (status) return status
  const length = lengthOf(moved)
  storeNumber(kindOf(moved), elementAt(moved, length), value)
  setLength(moved, length + 1)
  return STATUS_OK
}

/** Take the last number off. NaN with STATUS_NONE. */
export function arrayPopNumber(array: u32): f64 {
  if (!isWritable(array)) return notANumber(whyNotWritable(array))
  if (!isNumberKind(kindOf(array))) return notANumber(STATUS_TYPE)
  const length = lengthOf(array)
  if (!length) return notANumber(STATUS_NONE)
  setLength(array, length - 1)
  return loadNumber(kindOf(array), elementAt(array, length - 1))
}

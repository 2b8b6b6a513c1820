/**
 * The kinds of fields that a struct can have, and how one value of each lies in memory.
 *
 * Integers and booleans are checked to their range when written: a value that does not fit is an error, never cut.
 * Floats take any number, `f32` rounds it. 64-bit integers are bigints.
 */
import { ArgumentError } from '../errors.js'
import type { Views } from '../views.js'
import type { Struct } from './struct.js'

/** Only in types: what a field of a kind holds. */
declare const held: unique symbol

export type ScalarName = 'i8' | 'u8' | 'i16' | 'u16' | 'i32' | 'u32' | 'i64' | 'u64' | 'f32' | 'f64' | 'bool'

/** A number, a bigint or a boolean of a fixed size. */
export interface ScalarKind<Value = unknown, Copy = unknown> {
  readonly kind: ScalarName
  readonly bytes: 1 | 2 | 4 | 8
  /** One value, and the typed array that many are copied to. */
  readonly [held]?: { readonly value: Value; readonly copy: Copy }
}

/** So many bytes inside the object itself. */
export interface BytesKind {
  readonly kind: 'bytes'
  readonly bytes: number
}

/** What a reference may lead to: a struct, the name of one, or anything. */
export type RefTarget = Struct | string | undefined

/** A reference to an object, or null. */
export interface RefKind<Target extends RefTarget = RefTarget> {
  readonly kind: 'ref'
  readonly target: Target
}

/** A word that says what it is: a number, a boolean, null, undefined, a reference; see docs/values.md. */
export interface ValueKind {
  readonly kind: 'value'
}

/** The kinds that take one word each, of which the collector looks. */
export type WordKind = RefKind | ValueKind

/** The fields of an element that is a record. */
export type RecordFields = Readonly<Record<string, ScalarKind | WordKind>>

export type ElementKind = ScalarKind | WordKind | RecordFields

/** The elements at the end of an object; how many is said when it is made. */
export interface ArrayKind<Element extends ElementKind = ElementKind> {
  readonly kind: 'array'
  readonly element: Element
}

export type FieldKind = ScalarKind | BytesKind | WordKind | ArrayKind

export type Fields = Readonly<Record<string, FieldKind>>

/** Every kind that was made here, so that nothing else passes for one. */
const kinds = new WeakSet<object>()

function register<K extends FieldKind>(kind: K): K {
  kinds.add(Object.freeze(kind))
  return kind
}

export function isKind(value: unknown): value is FieldKind {
  return typeof value === 'object' && value !== null && kinds.has(value)
}

function scalar<Value, Copy>(kind: ScalarName, bytes: 1 | 2 | 4 | 8): ScalarKind<Value, Copy> {
  return register({ kind, bytes })
}

export const i8 = scalar<number, Int8Array>('i8', 1)
export const u8 = scalar<number, Uint8Array>('u8', 1)
export const i16 = scalar<number, Int16Array>('i16', 2)
export const u16 = scalar<number, Uint16Array>('u16', 2)
export const i32 = scalar<number, Int32Array>('i32', 4)
export const u32 = scalar<number, Uint32Array>('u32', 4)
export const i64 = scalar<bigint, BigInt64Array>('i64', 8)
export const u64 = scalar<bigint, BigUint64Array>('u64', 8)
export const f32 = scalar<number, Float32Array>('f32', 4)
export const f64 = scalar<number, Float64Array>('f64', 8)
export const bool = scalar<boolean, Uint8Array>('bool', 1)

const INLINE_MAX_BYTES = 2 ** 20

/** `count` bytes inside the object itself, read and written as a whole or one by one. */
export function bytes(count: number): BytesKind {
  if (!Number.isInteger(count) || count < 1 || count > INLINE_MAX_BYTES) {
    throw new ArgumentError('count', count, `an integer from 1 to ${INLINE_MAX_BYTES}`)
  }
  return register({ kind: 'bytes', bytes: count })
}

/**
 * A reference to an object, or null: of a struct, of the struct of a name (its own, or one that is defined later), or
 * of any type.
 */
export function ref(): RefKind<undefined>
export function ref<const Target extends Struct | string>(target: Target): RefKind<Target>
export function ref(target?: Struct | string): RefKind {
  const isTarget = target === undefined || typeof target === 'string' || isStruct(target)
  if (!isTarget || target === '') throw new ArgumentError('target', target, 'a struct, the name of one, or left out')
  return register({ kind: 'ref', target })
}

/**
 * Any value: a number, a boolean, null, undefined, a string, an object. In memory it is a tagged word of 32 bits; what
 * does not fit there, the word refers to.
 */
export const value: ValueKind = register({ kind: 'value' })

/** Whether the collector looks at a field of this kind: a reference, or a word that may be one. */
export function isWordKind(kind: { readonly kind: string }): kind is WordKind {
  return kind.kind === 'ref' || kind.kind === 'value'
}

/** Structs say what they are by this mark, so that `struct.ts` can build on this file. */
export const structMark = Symbol('struct')

export function isStruct(value: unknown): value is Struct {
  return typeof value === 'object' && value !== null && structMark in value
}

/** Elements of one kind, or records such as `{ key: i32, value: ref() }`, at the end of an object. */
export function array<const Element extends ElementKind>(element: Element): ArrayKind<Element> {
  const expected = 'a number kind, a ref, value, or an object of these by name'
  const given: unknown = element
  if (isKind(given)) {
    if (given.kind === 'bytes' || given.kind === 'array') throw new ArgumentError('element', element, expected)
    return register({ kind: 'array', element })
  }
  if (typeof element !== 'object' || element === null || Object.keys(element).length === 0) {
    throw new ArgumentError('element', element, expected)
  }
  for (const [name, kind] of Object.entries(element as Fields)) {
    if (isKind(kind) && kind.kind !== 'bytes' && kind.kind !== 'array') continue
    throw new ArgumentError(`element.${name}`, kind, 'a number kind, a ref or value')
  }
  return register({ kind: 'array', element: Object.freeze({ ...element }) as Element })
}

// ---- one value ----------------------------------------------------------------------------------------------------

/** What a kind's values may be, for messages. */
const RANGES: Readonly<Record<ScalarName, string>> = {
  i8: 'an integer from -128 to 127',
  u8: 'an integer from 0 to 255',
  i16: 'an integer from -32768 to 32767',
  u16: 'an integer from 0 to 65535',
  i32: 'an integer from -2147483648 to 2147483647',
  u32: 'an integer from 0 to 4294967295',
  i64: 'a bigint from -2^63 to 2^63 - 1',
  u64: 'a bigint from 0 to 2^64 - 1',
  f32: 'a number',
  f64: 'a number',
  bool: 'true or false',
}

export function scalarError(kind: ScalarName, argument: string, value: unknown): ArgumentError {
  return new ArgumentError(argument, value, RANGES[kind])
}

/** Whether `value` can be stored as it is. */
export function fitsScalar(kind: ScalarName, value: unknown): boolean {
  switch (kind) {
    case 'i8':
      return typeof value === 'number' && (value << 24) >> 24 === value
    case 'u8':
      return typeof value === 'number' && (value & 0xff) === value
    case 'i16':
      return typeof value === 'number' && (value << 16) >> 16 === value
    case 'u16':
      return typeof value === 'number' && (value & 0xffff) === value
    case 'i32':
      return typeof value === 'number' && (value | 0) === value
    case 'u32':
      return typeof value === 'number' && value >>> 0 === value
    case 'i64':
      return typeof value === 'bigint' && BigInt.asIntN(64, value) === value
    case 'u64':
      return typeof value === 'bigint' && BigInt.asUintN(64, value) === value
    case 'bool':
      return typeof value === 'boolean'
    default:
      return typeof value === 'number'
  }
}

/** The value at `address`, which is aligned for its kind. */
export function loadScalar(kind: ScalarName, views: Views, address: number): number | bigint | boolean {
  switch (kind) {
    case 'i8':
      return views.i8[address] as number
    case 'u8':
      return views.u8[address] as number
    case 'i16':
      return views.i16[address >>> 1] as number
    case 'u16':
      return views.u16[address >>> 1] as number
    case 'i32':
      return views.i32[address >>> 2] as number
    case 'u32':
      return views.u32[address >>> 2] as number
    case 'i64':
      return views.i64[address >>> 3] as bigint
    case 'u64':
      return views.u64[address >>> 3] as bigint
    case 'f32':
      return views.f32[address >>> 2] as number
    case 'f64':
      return views.f64[address >>> 3] as number
    default:
      return views.u8[address] !== 0
  }
}

/** Store a value that fits. */
export function storeScalar(kind: ScalarName, views: Views, address: number, value: unknown): void {
  switch (kind) {
    case 'i8':
    case 'u8':
      views.u8[address] = value as number
      break
    case 'i16':
    case 'u16':
      views.u16[address >>> 1] = value as number
      break
    case 'i32':
    case 'u32':
      views.u32[address >>> 2] = value as number
      break
    case 'i64':
    case 'u64':
      views.u64[address >>> 3] = value as bigint
      break
    case 'f32':
      views.f32[address >>> 2] = value as number
      break
    case 'f64':
      views.f64[address >>> 3] = value as number
      break
    default:
      views.u8[address] = value ? 1 : 0
  }
}

/** A typed array such as values of a kind are copied to. */
export type ScalarArray = Views['u8' | 'i8' | 'u16' | 'i16' | 'u32' | 'i32' | 'f32' | 'f64' | 'u64' | 'i64']

/** The typed array of the views that holds values of a kind, for copies of many at once. */
export function arrayOf(kind: ScalarName, views: Views): ScalarArray {
  return views[kind === 'bool' ? 'u8' : kind]
}

/**
 * The items of arrays and rings: what stands in memory and how it looks from TypeScript. Little-endian, any alignment.
 */
import { ArgumentError } from '../errors.js'
import { checkedCount, U32_MAX } from './structure.js'

export type NumberItemKind = 'i8' | 'u8' | 'i16' | 'u16' | 'i32' | 'u32' | 'f32' | 'f64'
export type BigintItemKind = 'i64' | 'u64'
/** A number type by name, or a count of bytes: items of so many bytes each. */
export type ItemKind = NumberItemKind | BigintItemKind | number

/** How an item looks from TypeScript; a byte item read is a copy. */
export type ItemOf<K extends ItemKind> = K extends number ? Uint8Array : K extends BigintItemKind ? bigint : number

/** Reads and writes one kind of item. */
export interface Codec<T> {
  readonly bytes: number
  /** @throws ArgumentError when `value` cannot be written */
  check(value: T): void
  read(view: DataView, address: number): T
  write(view: DataView, address: number, value: T): void
}

/** @throws ArgumentError when `kind` is none */
export function codecOf<K extends ItemKind>(kind: K): Codec<ItemOf<K>> {
  const codec = typeof kind === 'number' ? bytes(kind) : NAMED.get(kind)
  if (!codec) throw new ArgumentError('item', kind, `a count of bytes or one of ${[...NAMED.keys()].join(', ')}`)
  // The table pairs each kind with its type; the compiler cannot follow that through a Map.
  return codec as unknown as Codec<ItemOf<K>>
}

const NAMED = new Map<string, Codec<number> | Codec<bigint>>([
  ['i8', integer(1, 'Int8', -(2 ** 7), 2 ** 7 - 1)],
  ['u8', integer(1, 'Uint8', 0, 2 ** 8 - 1)],
  ['i16', integer(2, 'Int16', -(2 ** 15), 2 ** 15 - 1)],
  ['u16', integer(2, 'Uint16', 0, 2 ** 16 - 1)],
  ['i32', integer(4, 'Int32', -(2 ** 31), 2 ** 31 - 1)],
  ['u32', integer(4, 'Uint32', 0, U32_MAX)],
  ['f32', float(4, 'Float32')],
  ['f64', float(8, 'Float64')],
  ['i64', bigint('BigInt64', -(2n ** 63n), 2n ** 63n - 1n)],
  ['u64', bigint('BigUint64', 0n, 2n ** 64n - 1n)],
])

type IntegerType = 'Int8' | 'Uint8' | 'Int16' | 'Uint16' | 'Int32' | 'Uint32'

function integer(bytes: number, type: IntegerType, min: number, max: number): Codec<number> {
  // One-byte accessors ignore the byte order that the others take.
  const get = `get${type}` as 'getInt16'
  const set = `set${type}` as 'setInt16'
  return {
    bytes,
    check(value) {
      if (!Number.isInteger(value) || value < min || value > max)
        throw new ArgumentError('value', value, `an integer from ${min} to ${max}`)
    },
    read: (view, address) => view[get](address, true),
    write: (view, address, value) => view[set](address, value, true),
  }
}

/** A number that `f32` cannot hold is rounded to one that it can. */
function float(bytes: number, type: 'Float32' | 'Float64'): Codec<number> {
  return {
    bytes,
    check(value) {
      if (typeof value !== 'number') throw new ArgumentError('value', value, 'a number')
    },
    read: (view, address) => view[`get${type}`](address, true),
    write: (view, address, value) => view[`set${type}`](address, value, true),
  }
}

function bigint(type: 'BigInt64' | 'BigUint64', min: bigint, max: bigint): Codec<bigint> {
  return {
    bytes: 8,
    check(value) {
      if (typeof value !== 'bigint' || value < min || value > max)
        throw new ArgumentError('value', value, `a bigint from ${min} to ${max}`)
    },
    read: (view, address) => view[`get${type}`](address, true),
    write: (view, address, value) => view[`set${type}`](address, value, true),
  }
}

function bytes(length: number): Codec<Uint8Array> {
  if (checkedCount('item', length, U32_MAX) === 0) throw new ArgumentError('item', length, 'at least one byte')
  return {
    bytes: length,
    check(value) {
      if (!(value instanceof Uint8Array) || value.length !== length)
        throw new ArgumentError('value', value, `a Uint8Array of ${length} bytes`)
    },
    read: (view, address) => new Uint8Array(view.buffer, address, length).slice(),
    write: (view, address, value) => new Uint8Array(view.buffer, address, length).set(value),
  }
}

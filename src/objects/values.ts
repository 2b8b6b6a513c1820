/**
 * Checks of what is to be written: one value, a record, a whole field. Nothing is written before all of it has passed.
 *
 * What a caller gives may have getters, which may do anything: allocate, so that objects move, or answer differently
 * the next time. So it is read once, into lists and objects of our own; those are checked, and written.
 */
import { ArgumentError } from '../errors.js'
import { fitsScalar, isKind, type ScalarKind, type ScalarName, scalarError, type WordKind } from './kinds.js'
import type { ObjectSpace } from './space.js'
import type { FieldInfo, Struct } from './struct.js'

/**
 * Check one value of a scalar, a reference or any value.
 *
 * @param times how often a reference may come to be stored
 * @throws ArgumentError, CountError
 */
export function checkValue(
  space: ObjectSpace,
  kind: ScalarKind | WordKind,
  argument: string,
  value: unknown,
  times = 1,
): void {
  if (kind.kind === 'ref') space.checkReference(argument, value, kind, times)
  else if (kind.kind === 'value') space.values.check(argument, value, times)
  else checkScalar(kind.kind, argument, value)
}

export function checkScalar(kind: ScalarName, argument: string, value: unknown): void {
  if (!fitsScalar(kind, value)) throw scalarError(kind, argument, value)
}

/** A field and what it is to be set to, read. */
export type FieldValue = readonly [field: FieldInfo, value: unknown]

/** What an object is to be made from: the fields that it names, in its order. @throws ArgumentError */
export function readInit(struct: Struct, init: object): FieldValue[] {
  const read: FieldValue[] = []
  for (const name in init) {
    const field = struct.field(name)
    if (!field) throw new ArgumentError('init', name, `an object of fields of struct ${struct.name}`)
    const value: unknown = init[name as keyof typeof init]
    if (value !== undefined) read.push([field, readField(struct, field, value)])
  }
  return read
}

function readField(struct: Struct, { kind, name }: FieldInfo, value: unknown): unknown {
  if (kind.kind !== 'bytes' && kind.kind !== 'array') return value
  if (kind.kind === 'bytes' || isKind(kind.element)) return readList(name, value)
  return readList(name, value, (one, i) => readRecord(struct.elementFields, `${name}[${i}]`, one))
}

/** The values of a list, as `read` gives them. */
export function readList(
  argument: string,
  value: unknown,
  read: (one: unknown, index: number) => unknown = (one) => one,
): unknown[] {
  const list = checkList(argument, value)
  const { length } = list
  const values: unknown[] = []
  for (let i = 0; i < length; i++) values.push(read(list[i], i))
  return values
}

/** The fields that a record has, its own and inherited ones; what is no record is left for the check. */
export function readRecord(fields: readonly FieldInfo[], argument: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  const given = Object.keys(value)
  for (const name of given) {
    if (fields.some((field) => field.name === name)) continue
    const names = fields.map((one) => one.name).join(', ')
    throw new ArgumentError(argument, name, `an object of these fields: ${names}`)
  }
  const read: Record<string, unknown> = {}
  for (const { name } of fields) {
    const one = (value as Record<string, unknown>)[name]
    if (one !== undefined || given.includes(name)) read[name] = one
  }
  return read
}

/** The values of a record that was read: every one as its field wants it. */
export function checkRecord(
  space: ObjectSpace,
  fields: readonly FieldInfo[],
  argument: string,
  value: unknown,
  times = 1,
): void {
  if (typeof value !== 'object' || value === null) throw new ArgumentError(argument, value, 'an object of fields')
  for (const { kind, name } of fields) {
    if (!Object.hasOwn(value, name)) continue
    const given = (value as Record<string, unknown>)[name]
    checkValue(space, kind as ScalarKind | WordKind, `${argument}.${name}`, given, times * fields.length)
  }
}

/** A list whose length is known. */
export function checkList(argument: string, value: unknown): ArrayLike<unknown> {
  const isList = Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView))
  if (isList) return value as unknown as ArrayLike<unknown>
  throw new ArgumentError(argument, value, 'an array or a typed array')
}

/** Check the initial value of a field; of bytes and arrays, at most `count` values. `times` as above. */
export function checkField(
  space: ObjectSpace,
  struct: Struct,
  field: FieldInfo,
  value: unknown,
  count: number,
  times: number,
): void {
  const { kind, name } = field
  if (kind.kind !== 'bytes' && kind.kind !== 'array') {
    checkValue(space, kind, name, value, times)
    return
  }
  const list = checkList(name, value)
  const most = kind.kind === 'bytes' ? kind.bytes : count
  if (list.length > most) throw new ArgumentError(name, list.length, `at most ${most} values`)
  for (let i = 0; i < list.length; i++) {
    if (kind.kind === 'bytes') {
      if (!fitsScalar('u8', list[i])) throw scalarError('u8', `${name}[${i}]`, list[i])
      continue
    }
    const argument = `${name}[${i}]`
    if (isKind(kind.element)) checkValue(space, kind.element as ScalarKind | WordKind, argument, list[i], times)
    else checkRecord(space, struct.elementFields, argument, list[i], times)
  }
}

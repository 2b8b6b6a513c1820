/**
 * From the definition of a struct to the TypeScript types of its views: what is read, what may be written, what an
 * object can be made from.
 */

import type { Value } from '../values/value.js'
import type { Elements, RecordElements, ReferenceElements, ScalarElements, ValueElements } from './elements.js'
import type { ArrayKind, BytesKind, FieldKind, Fields, RecordFields, RefKind, ScalarKind, ValueKind } from './kinds.js'
import type { Root } from './roots.js'
import type { Struct } from './struct.js'
import type { ObjectView } from './view.js'

/** What a reference leads to; `Name` and `Own` are the struct that it stands in, which it may name. */
type Target<Kind, Name extends string, Own extends Fields> =
  Kind extends RefKind<infer T>
    ? T extends Struct
      ? View<T>
      : T extends Name
        ? View<Struct<Name, Own>>
        : ObjectView
    : never

/** What a reference can be set to. */
type Referable<V extends ObjectView> = V | Root<V> | null

type ScalarValue<Kind> = Kind extends ScalarKind<infer Value> ? Value : never

/** The names of the fields that can be set: numbers and references. */
type Settable<Own extends Fields> = {
  [K in keyof Own]: Own[K] extends BytesKind | ArrayKind ? never : K
}[keyof Own]

type SettableValue<Kind, Name extends string, Own extends Fields> = Kind extends RefKind
  ? Target<Kind, Name, Own> | null
  : Kind extends ValueKind
    ? Value
    : ScalarValue<Kind>

/** The fields of a record element. */
export type RecordValue<R extends RecordFields, Name extends string, Own extends Fields> = {
  -readonly [K in keyof R]: SettableValue<R[K], Name, Own>
}

export type RecordInput<R extends RecordFields, Name extends string, Own extends Fields> = {
  readonly [K in keyof R]?: R[K] extends RefKind
    ? Referable<Target<R[K], Name, Own>>
    : R[K] extends ValueKind
      ? Value
      : ScalarValue<R[K]>
}

type ElementsOf<Element, Name extends string, Own extends Fields> = Element extends RefKind
  ? ReferenceElements<Target<Element, Name, Own> | null, Referable<Target<Element, Name, Own>>>
  : Element extends ValueKind
    ? ValueElements
    : Element extends ScalarKind<infer Value, infer Copy>
      ? ScalarElements<Value, Copy>
      : Element extends RecordFields
        ? RecordElements<RecordValue<Element, Name, Own>, RecordInput<Element, Name, Own>>
        : never

type SeveralValues<Kind, Name extends string, Own extends Fields> = Kind extends BytesKind
  ? ScalarElements<number, Uint8Array>
  : Kind extends ArrayKind<infer Element>
    ? ElementsOf<Element, Name, Own>
    : never

/** The view of an object of a struct: its fields as properties. */
export type View<S extends Struct = Struct> =
  S extends Struct<infer Name, infer Own>
    ? ObjectView & {
        [K in Settable<Own>]: SettableValue<Own[K], Name, Own>
      } & {
        readonly [K in Exclude<keyof Own, Settable<Own>>]: SeveralValues<Own[K], Name, Own>
      }
    : never

type InitValue<Kind extends FieldKind, Name extends string, Own extends Fields> = Kind extends RefKind
  ? Referable<Target<Kind, Name, Own>>
  : Kind extends BytesKind | ArrayKind
    ? SeveralValues<Kind, Name, Own> extends Elements<infer _Value, infer Input>
      ? ArrayLike<Input>
      : never
    : Kind extends ValueKind
      ? Value | Root
      : ScalarValue<Kind>

/** What `heap.new` sets fields to; those left out are 0, false or null. */
export type Init<S extends Struct> =
  S extends Struct<infer Name, infer Own> ? { readonly [K in keyof Own]?: InitValue<Own[K], Name, Own> } : never

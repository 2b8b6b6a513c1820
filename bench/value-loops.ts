/**
 * The loops over values that are timed, each evaluated anew for every contestant, see loops.ts: nothing here refers to
 * anything outside of its function. A contestant is a constant object of small functions, which V8 inlines.
 */

/** Containers of one contestant: `Container` is its handle, word or address of one. */
export interface Arrays<Container> {
  make(): Container
  push(array: Container, value: number): unknown
  get(array: Container, index: number): number
  end(array: Container): unknown
}

export interface Dictionaries<Container, Key> {
  make(): Container
  set(dictionary: Container, key: Key, value: number): unknown
  get(dictionary: Container, key: Key): number
  end(dictionary: Container): unknown
}

/** One property of one contestant's objects. */
export interface Properties<Owner> {
  get(owner: Owner): number
  set(owner: Owner, value: number): unknown
}

export function createArrayLoops<Container>(target: Arrays<Container>) {
  return {
    /** Arrays of `length` integers, appended one by one: `count` integers in all. */
    append(count: number, length: number): void {
      for (let done = 0; done < count; done += length) {
        const array = target.make()
        for (let i = 0; i < length; i++) target.push(array, i)
        target.end(array)
      }
    },
    sum(array: Container, length: number): number {
      let sum = 0
      for (let i = 0; i < length; i++) sum = (sum + target.get(array, i)) | 0
      return sum
    },
  }
}

export function createDictionaryLoops<Container, Key>(target: Dictionaries<Container, Key>) {
  return {
    insert(keys: readonly Key[]): void {
      const dictionary = target.make()
      for (let i = 0; i < keys.length; i++) target.set(dictionary, keys[i] as Key, i)
      target.end(dictionary)
    },
    lookUp(dictionary: Container, keys: readonly Key[]): number {
      let sum = 0
      for (let i = 0; i < keys.length; i++) sum = (sum + target.get(dictionary, keys[i] as Key)) | 0
      return sum
    },
  }
}

export function createPropertyLoops<Owner>(target: Properties<Owner>) {
  return {
    get(owners: readonly Owner[]): number {
      let sum = 0
      for (let i = 0; i < owners.length; i++) sum = (sum + target.get(owners[i] as Owner)) | 0
      return sum
    },
    set(owners: readonly Owner[], value: number): void {
      for (let i = 0; i < owners.length; i++) target.set(owners[i] as Owner, value)
    },
  }
}

/** Calls with each of the texts in turn. */
export function createTextLoops(call: (text: string) => unknown) {
  return {
    each(texts: readonly string[]): void {
      for (let i = 0; i < texts.length; i++) call(texts[i] as string)
    },
  }
}

/**
 * The keys of a property object in the order that JavaScript has for an object's own keys (ECMAScript,
 * OrdinaryOwnPropertyKeys): integers ascending, then strings, then all others, both in order of insertion.
 */
import { KIND_VALUE, STATUS_TYPE } from '../value-layout'
import { arrayPush, lengthOf, makeArray, storeOf } from './arrays'
import { isProperties, propertyCount, propertyKeyAt, propertyNext } from './properties'
import { isString } from './strings'
import { isInteger } from './words'
import { keep, kept, letGo, NOWHERE, refuse, release } from './world'

const OBJECT: u32 = 3
const WORD_BYTES: u32 = 4

/** A new array of words, owned. 0 when out of memory. */
export function propertyKeys(o: u32): u32 {
  if (!isProperties(o)) return refuse(STATUS_TYPE)
  keep(OBJECT, o)
  const array = makeArray(KIND_VALUE, WORD_BYTES, propertyCount(o))
  const from = kept(OBJECT)
  letGo()
  if (!array) return 0
  for (let rank: u32 = 0; rank < 3; rank++) {
    for (let p = propertyNext(from, 0); p != NOWHERE; p = propertyNext(from, p + 1)) {
      const key = propertyKeyAt(from, p)
      if (rankOf(key) == rank && arrayPush(array, key)) {
        release(array)
        return 0
      }
    }
    // Words of integers that are not negative have the order of the integers.
    if (!rank) sortWords(storeOf(array), lengthOf(array))
  }
  return array
}

// @ts-ignore: decorator
@inline
function rankOf(key: u32): u32 {
  return isInteger(key) ? 0 : isString(key) ? 1 : 2
}

/** Heapsort (Williams, CACM 7(6), 1964): no memory, and no order of keys makes it slow. */
function sortWords(at: usize, count: u32): void {
  for (let i = count >> 1; i > 0; i--) sink(at, i - 1, count)
  for (let end = count; end > 1; end--) {
    const last = at + ((end - 1) << 2)
    const greatest = load<u32>(at)
    store<u32>(at, load<u32>(last))
    store<u32>(last, greatest)
    sink(at, 0, end - 1)
  }
}

/** Let word `from` sink below greater ones. */
function sink(at: usize, from: u32, count: u32): void {
  const word = load<u32>(at + (from << 2))
  let i = from
  while ((i << 1) + 1 < count) {
    let child = (i << 1) + 1
    if (child + 1 < count && load<u32>(at + (child << 2)) < load<u32>(at + ((child + 1) << 2))) child++
    if (load<u32>(at + (child << 2)) <= word) break
    store<u32>(at + (i << 2), load<u32>(at + (child << 2)))
    i = child
  }
  store<u32>(at + (i << 2), word)
}

// biome-ignore-all lint: AssemblyScript
/**
 * AssemblyScript's own containers, called from TypeScript as ours are: one call for each element. Built by
 * `bench/build-peers.mjs` with `--runtime incremental --exportRuntime -O3 --noAssert`.
 */
export function arrayNew(): Array<i32> {
  const made = new Array<i32>()
  __pin(changetype<usize>(made))
  return made
}

export function arrayEnd(array: Array<i32>): void {
  __unpin(changetype<usize>(array))
}

export function arrayPush(array: Array<i32>, value: i32): void {
  array.push(value)
}

export function arrayGet(array: Array<i32>, index: i32): i32 {
  return array[index]
}

export function arrayLength(array: Array<i32>): i32 {
  return array.length
}

export function mapNew(): Map<i32, i32> {
  const made = new Map<i32, i32>()
  __pin(changetype<usize>(made))
  return made
}

export function mapEnd(map: Map<i32, i32>): void {
  __unpin(changetype<usize>(map))
}

export function mapSet(map: Map<i32, i32>, key: i32, value: i32): void {
  map.set(key, value)
}

export function mapGet(map: Map<i32, i32>, key: i32): i32 {
  return map.get(key)
}

export function collect(): void {
  __collect()
}

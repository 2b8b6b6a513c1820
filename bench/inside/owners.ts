/** A guest that stores references by the kernel's call: what the check of owners costs is the difference in a tenant. */

// @ts-ignore: decorator
@external('kernel', 'storeReference')
declare function storeReference(holder: usize, slot: usize, value: usize): u32

/** Store the words of [from, from + 4 * count) by turns in the first words of the objects there; `count`: a power of 2. */
export function stores(from: usize, count: u32, times: u32): void {
  let at: u32 = 0
  for (let i: u32 = 0; i < times; i++) {
    const holder = load<usize>(from + (<usize>at << 2))
    at = (at + 7) & (count - 1)
    storeReference(holder, holder, load<usize>(from + (<usize>at << 2)))
  }
}

/** The same by plain stores. */
export function plain(from: usize, count: u32, times: u32): void {
  let at: u32 = 0
  for (let i: u32 = 0; i < times; i++) {
    const holder = load<usize>(from + (<usize>at << 2))
    at = (at + 7) & (count - 1)
    store<usize>(holder, load<usize>(from + (<usize>at << 2)))
  }
}

/**
 * The checker of `heapwright check --precise`: is this access to a guest's memory one to bytes that it may touch?
 *
 * A module of its own, with a memory of its own: one byte for each 8 bytes of the guest's 4 GiB, a *grain*. It says how
 * many of them, from the first on, may be touched: 8 all, 0 none, as it is at the start, so that the map of memory that
 * is not used is never written. (After Serebryany et al., AddressSanitizer, 2012, §3.1, where 0 stands for all.)
 *
 * The guest calls `load…` and `store…` in front of each access and gets the address back. What may be touched costs one
 * load and one test; all else goes to `fault`, which is the host's. Nothing here traps: the memory covers every address.
 */

// @ts-ignore: decorator
@external("check", "fault")
declare function fault(address: u32, bytes: u32, isWrite: u32): void;

const GRAIN_BITS: u32 = 3;
const GRAIN: u32 = 1 << GRAIN_BITS;
const GRAIN_MASK: u32 = GRAIN - 1;
const OPEN: u8 = <u8>GRAIN;
const OPEN_WORD: u64 = 0x0808_0808_0808_0808;

/** An access that crosses grains, or to a grain not wholly open. */
function look(address: u32, offset: u32, bytes: u32, isWrite: u32): void {
  // Beyond the address space the access itself traps.
  const end = <u64>address + <u64>offset + <u64>bytes;
  if (end > 0x1_0000_0000) return;
  range(address + offset, bytes, isWrite);
}

/** Checks `bytes` from `address`, of any number. */
export function range(address: u32, bytes: u32, isWrite: u32): void {
  const end = <u64>address + <u64>bytes;
  if (bytes == 0 || end > 0x1_0000_0000) return;
  let at: u64 = address;
  while (at < end) {
    // Whole words of the map where they are open: 64 bytes at once.
    if ((at & 63) == 0 && at + 64 <= end && load<u64>(<usize>(at >> GRAIN_BITS)) == OPEN_WORD) {
      at += 64;
      continue;
    }
    const grain = at & ~(<u64>GRAIN_MASK);
    const until = min<u64>(end, grain + GRAIN);
    if (until - grain > <u64>load<u8>(<usize>(at >> GRAIN_BITS))) {
      fault(address, bytes, isWrite);
      return;
    }
    at = until;
  }
}

// @ts-ignore: decorator
@inline
function small(address: u32, offset: u32, bytes: u32, isWrite: u32): u32 {
  const at = address + offset;
  if ((at & GRAIN_MASK) + bytes > <u32>load<u8>(<usize>(at >> GRAIN_BITS))) look(address, offset, bytes, isWrite);
  return address;
}

export function load1(address: u32, offset: u32): u32 {
  return small(address, offset, 1, 0);
}
export function load2(address: u32, offset: u32): u32 {
  return small(address, offset, 2, 0);
}
export function load4(address: u32, offset: u32): u32 {
  return small(address, offset, 4, 0);
}
export function load8(address: u32, offset: u32): u32 {
  return small(address, offset, 8, 0);
}
export function load16(address: u32, offset: u32): u32 {
  look(address, offset, 16, 0);
  return address;
}
export function store1(address: u32, offset: u32): u32 {
  return small(address, offset, 1, 1);
}
export function store2(address: u32, offset: u32): u32 {
  return small(address, offset, 2, 1);
}
export function store4(address: u32, offset: u32): u32 {
  return small(address, offset, 4, 1);
}
export function store8(address: u32, offset: u32): u32 {
  return small(address, offset, 8, 1);
}
export function store16(address: u32, offset: u32): u32 {
  look(address, offset, 16, 1);
  return address;
}

/** `bytes` from `address`, a multiple of 8, may be touched; the rest of the last grain may not. */
export function open(address: u32, bytes: u32): void {
  const at = <usize>(address >> GRAIN_BITS);
  const whole = <usize>(bytes >> GRAIN_BITS);
  memory.fill(at, OPEN, whole);
  if ((bytes & GRAIN_MASK) != 0) store<u8>(at + whole, <u8>(bytes & GRAIN_MASK));
}

/** The grains from `address`, a multiple of 8, to `address + bytes` may not be touched. */
export function close(address: u32, bytes: u32): void {
  const end = (<u64>address + <u64>bytes + GRAIN_MASK) >> GRAIN_BITS;
  const at = <u64>(address >> GRAIN_BITS);
  memory.fill(<usize>at, 0, <usize>(end - at));
}

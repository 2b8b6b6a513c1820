/**
 * Every load and store of the guest, seen by the checker's module: what may be touched is in its own memory, and what
 * was touched that may not comes here, at the moment it happens.
 */

import { decodeBase64 } from './base64.js'
import { CHECKER_BASE64 } from './checker-bytes.generated.js'

/** Bytes of the guest's memory for one of the checker's. */
const GRAIN_BYTES = 8
const ADDRESS_LIMIT = 2 ** 32
const SHADOW_PAGES = ADDRESS_LIMIT / GRAIN_BYTES / 65_536

type OnFault = (address: number, bytes: number, isWrite: boolean) => void

interface CheckerExports {
  open(address: number, bytes: number): void
  close(address: number, bytes: number): void
}

export class AccessWatch {
  /** What the guest imports. */
  readonly imports: WebAssembly.ModuleImports
  readonly #checker: CheckerExports

  /** @param onFault is told of accesses to what is closed; the access itself comes afterwards */
  constructor(onFault: OnFault) {
    // All addresses at once: pages that are never touched cost nothing.
    const memory = new WebAssembly.Memory({ initial: SHADOW_PAGES, maximum: SHADOW_PAGES })
    const fault = (address: number, bytes: number, isWrite: number) =>
      onFault(address >>> 0, bytes >>> 0, isWrite !== 0)
    const module = new WebAssembly.Module(decodeBase64(CHECKER_BASE64))
    const { exports } = new WebAssembly.Instance(module, { env: { memory }, check: { fault } })
    this.imports = exports as WebAssembly.ModuleImports
    this.#checker = exports as unknown as CheckerExports
  }

  /** The bytes may be touched. `address` is a multiple of 8. */
  open(address: number, bytes: number): void {
    this.#checker.open(address, bytes)
  }

  /** The bytes may not be touched. `address` is a multiple of 8. */
  close(address: number, bytes: number): void {
    this.#checker.close(address, bytes)
  }
}

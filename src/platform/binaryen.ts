/**
 * Binaryen, the tools that change WebAssembly modules: an optional package, loaded when it is first needed.
 *
 * Its library is used for small changes, its programs `wasm-merge` and `wasm-opt` for what the library does not have.
 * The programs are JavaScript, so this process's own Node runs them; their files lie in a directory that is removed.
 */
import type Binaryen from 'binaryen'
import { ModuleError } from '../guest/errors.js'

/** The library. */
export type BinaryenLibrary = typeof Binaryen
export type BinaryenModule = Binaryen.Module

/** Loads the library. Throws `ModuleError` when the package is not installed. */
export async function loadBinaryen(): Promise<BinaryenLibrary> {
  try {
    return (await import('binaryen')).default
  } catch (error) {
    throw new ModuleError(
      `changing a module needs the package binaryen, which cannot be loaded: npm install binaryen (${reasonOf(error)})`,
      'binaryen',
      { cause: error },
    )
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)
}

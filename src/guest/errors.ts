/** What is wrong with a WebAssembly module that is to be linked, run or checked. */

import { HeapwrightError, register } from '../errors.js'

/** A module that cannot be taken. Nothing was written; the bytes that were passed are as they were. */
export class ModuleError extends HeapwrightError {
  readonly code = 'HW_MODULE'
  /** What is wrong, in words, without the place. */
  readonly what: string
  /** Where: a function, a section, an import, such as `function 'malloc'`; `module` when it is the module as a whole. */
  readonly where: string

  constructor(what: string, where = 'module', options?: ErrorOptions) {
    super(`${where}: ${what}`, options)
    this.what = what
    this.where = where
  }
}

register(ModuleError, 'ModuleError')

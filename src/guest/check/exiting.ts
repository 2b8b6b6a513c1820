/**
 * The functions from which a program may exit: `proc_exit` unwinds them all, and with them go the locals that may hold
 * the only address of a block.
 */

import { CALL_INDIRECT, CodeWalker, codeStart, TRY_TABLE } from '../code-walker.js'
import type { GuestModule } from '../module.js'

const EXIT = 'proc_exit'

/**
 * Functions that may come to `proc_exit`, by any way. Empty for a module that catches exceptions in the new way, which
 * cannot be mixed with the old one that is used here for older engines' sake.
 */
export function findExiting(module: GuestModule): ReadonlySet<number> {
  const exits = module.imports.filter(({ kind, name }) => kind === 'function' && name === EXIT)
  const callers = new Map<number, number[]>()
  const throughTable: number[] = []
  for (let i = 0; i < module.bodies.length; i++) {
    const index = module.importedFunctions + i
    const use = scanUse(module, index)
    if (use.hasTryTable) return new Set()
    if (use.callsIndirectly) throughTable.push(index)
    for (const callee of module.scan(index).calls) {
      const known = callers.get(callee)
      if (known) known.push(index)
      else callers.set(callee, [index])
    }
  }
  return closure(
    exits.map(({ index }) => index),
    callers,
    module.referenced,
    throughTable,
  )
}

function closure(
  from: readonly number[],
  callers: ReadonlyMap<number, readonly number[]>,
  referenced: ReadonlySet<number>,
  throughTable: readonly number[],
): Set<number> {
  const found = new Set<number>()
  const waiting = [...from]
  for (let index = waiting.pop(); index !== undefined; index = waiting.pop()) {
    const reachedBy = referenced.has(index) ? [...(callers.get(index) ?? []), ...throughTable] : callers.get(index)
    for (const caller of reachedBy ?? []) {
      if (found.has(caller)) continue
      found.add(caller)
      waiting.push(caller)
    }
  }
  return found
}

function scanUse(module: GuestModule, index: number): { callsIndirectly: boolean; hasTryTable: boolean } {
  const { end, at } = codeStart(module, index)
  const walker = new CodeWalker(module.bytes, at, end, `function '${module.nameOf(index)}'`)
  let callsIndirectly = false
  while (walker.next()) {
    if (walker.prefix !== 0) continue
    if (walker.code === TRY_TABLE) return { callsIndirectly, hasTryTable: true }
    if (walker.code === CALL_INDIRECT) callsIndirectly = true
  }
  return { callsIndirectly, hasTryTable: false }
}

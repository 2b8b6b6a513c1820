/**
 * What this process can be asked about memory: files, where it may read any, and the figures of the runtime. What
 * detection reads, it reads here (`process.ts` has what the library does to the process beside that); nothing is
 * imported, so that the library runs in browsers, where it says that it does not know.
 */
import type { Reader } from './cgroup.js'

/** A call or property that tells of memory, by the name that is shown as its source. */
export type RuntimeSource =
  | 'os.totalmem()'
  | 'os.freemem()'
  | 'process.availableMemory()'
  | 'process.constrainedMemory()'
  | 'navigator.deviceMemory'

/** What figures are taken from. Replaced by recorded ones in tests. */
export interface System {
  /** Node's `process.platform`, or `browser`. */
  readonly platform: string
  readonly read: Reader
  /** In bytes; what is not there is left out. */
  readonly figures: Readonly<Partial<Record<RuntimeSource, number>>>
}

/** The parts of Node and of browsers that are used, each of which may be missing. */
interface Surroundings {
  readonly process?: {
    readonly platform?: string
    readonly getBuiltinModule?: (name: string) => unknown
    readonly availableMemory?: () => number
    readonly constrainedMemory?: () => number
  }
  readonly navigator?: { readonly deviceMemory?: number }
}

interface FileModule {
  readonly readFileSync: (path: string, encoding: 'utf8') => string
}
interface OsModule {
  readonly totalmem: () => number
  readonly freemem: () => number
}

/** The system that this runs on. Reads nothing by itself but the runtime's figures. */
export function thisSystem(surroundings: Surroundings = globalThis as unknown as Surroundings): System {
  const { process, navigator } = surroundings
  const files = builtin<FileModule>(process, 'node:fs')
  const os = builtin<OsModule>(process, 'node:os')
  const gib = navigator?.deviceMemory
  const asked: Record<RuntimeSource, number | undefined> = {
    'os.totalmem()': ask(() => os?.totalmem()),
    'os.freemem()': ask(() => os?.freemem()),
    'process.availableMemory()': ask(() => process?.availableMemory?.()),
    'process.constrainedMemory()': ask(() => process?.constrainedMemory?.()),
    'navigator.deviceMemory': gib === undefined ? undefined : gib * 2 ** 30,
  }
  return {
    platform: process?.platform ?? 'browser',
    read: (path) => ask(() => files?.readFileSync(path, 'utf8')),
    figures: Object.fromEntries(Object.entries(asked).filter(([, bytes]) => isFigure(bytes))),
  }
}

/** A module of Node's; undefined before Node 20.16 and elsewhere. */
function builtin<Module>(process: Surroundings['process'], name: string): Module | undefined {
  return ask(() => process?.getBuiltinModule?.(name)) as Module | undefined
}

/** What is asked for, or undefined when asking fails: not permitted, not there, not in this system. */
function ask<Answer>(question: () => Answer | undefined): Answer | undefined {
  try {
    return question()
  } catch {
    return undefined
  }
}

/** Not 0 and not 2^64, by which the runtime says that it does not know. */
function isFigure(bytes: number | undefined): boolean {
  return typeof bytes === 'number' && Number.isSafeInteger(bytes) && bytes > 0
}

/** What the live page may do to a heap, where `allowCommands` says so. Each is a call that any program could make. */
import { COLLECT_FULL } from '../../kernel/object-layout.js'
import type { HeapCore } from '../core.js'
import { UnsupportedError } from '../errors.js'
import type { Collection } from '../objects/collections.js'
import type { TrimResult } from '../trim.js'

export const COMMANDS = ['collect', 'trim'] as const
export type CommandName = (typeof COMMANDS)[number]

/** What each did, as its call tells. */
export type Commands = Readonly<Record<CommandName, () => TrimResult | Pick<Collection, 'freedBytes' | 'ms'>>>

export function isCommand(name: string): name is CommandName {
  return COMMANDS.some((known) => known === name)
}

export function commandsOf(core: HeapCore): Commands {
  return {
    collect: () => {
      core.assertOpen()
      const space = core.objectsThatAre
      if (!space) throw new UnsupportedError(core.mode, 'objects', '', core.label)
      const { freedBytes, ms } = space.collect(COLLECT_FULL)
      return { freedBytes, ms }
    },
    trim: () => core.trimmer.trim({}),
  }
}

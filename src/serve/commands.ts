/** What the live page may do to a heap, where `allowCommands` says so. Each is a call that any program could make. */
import { COLLECT_FULL } from '../../kernel/object-layout.js'
import type { HeapCore } from '../core.js'
import { UnsupportedError } from '../errors.js'

export const COMMANDS = ['collect', 'trim'] as const
export type CommandName = (typeof COMMANDS)[number]

/** What each did, as figures. */
export type Commands = Readonly<Record<CommandName, () => Readonly<Record<string, number>>>>

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
    trim: () => ({ releasedBytes: core.releaseCaches() }),
  }
}

/** `heapwright bench`: Heapwright and its peers side by side. The bench is a room of its own, `bench/`. */
import type { Command } from 'commander'
import { benchCommand } from '../../bench/command.js'

export function addBench(program: Command): void {
  program.addCommand(benchCommand().exitOverride())
}

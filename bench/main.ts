/** `npm run bench`. Exit code 0, also when budgets are missed; 1 when the bench itself failed; 2 on wrong usage. */
import { CommanderError } from 'commander'
import { endOnOutputErrors, nameInUsageErrors, reportFailure } from '../src/cli/output.js'
import { benchCommand } from './command.js'

endOnOutputErrors()
try {
  await nameInUsageErrors(benchCommand()).exitOverride().parseAsync()
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2
  else reportFailure(error)
}

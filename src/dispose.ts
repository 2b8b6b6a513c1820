/**
 * `Symbol.dispose` where the engine has none yet (Safari, older Node), so that `using`, compiled or native, finds it.
 * Classes take the symbol from here, so that no bundler drops this file.
 */
if (!Symbol.dispose) {
  Object.defineProperty(Symbol, 'dispose', { value: Symbol.for('Symbol.dispose') })
}

export const dispose: typeof Symbol.dispose = Symbol.dispose

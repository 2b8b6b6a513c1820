/** The runtime's HTTP server, where there is one. Nothing is imported, so that the same code loads in a browser. */

type Process = Pick<NodeJS.Process, 'getBuiltinModule'>

/** Node's module `node:http`; undefined in browsers and before Node 20.16. */
export function httpModule() {
  const { process } = globalThis as { process?: Partial<Process> }
  return process?.getBuiltinModule?.('node:http')
}

export type HttpModule = NonNullable<ReturnType<typeof httpModule>>
export type HttpServer = ReturnType<HttpModule['createServer']>
export type HttpRequest = InstanceType<HttpModule['IncomingMessage']>
export type HttpResponse = InstanceType<HttpModule['ServerResponse']>

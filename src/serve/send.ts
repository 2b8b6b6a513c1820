/** Answers of the live page's server, with the headers that all of them have. */
import type { HttpResponse } from '../platform/http.js'

export const TEXT = 'text/plain; charset=utf-8'
export const HTML = 'text/html; charset=utf-8'
export const JSON_TYPE = 'application/json; charset=utf-8'

/** On every answer: it is kept nowhere, tells nobody where it came from, and is of use to no other site. */
export const COMMON_HEADERS: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
}

export function refuseMethod(response: HttpResponse, allowed: string): void {
  send(response, 405, TEXT, `only ${allowed} is answered here\n`, { allow: allowed })
}

export function send(
  response: HttpResponse,
  status: number,
  type: string,
  text: string,
  more: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { ...COMMON_HEADERS, 'content-type': type, ...more })
  response.end(text)
}

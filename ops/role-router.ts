/**
 * One address for an origin that is split by ROLES: hands each request to the process that has its role. The path says
 * which, so what stands before a deployment's origin anyway (a tunnel, a proxy) does the same by a line a role:
 * docs/guides/deploy.md §5. This one is for a single machine.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { problems } from '#core/problem.ts'
import type { Role } from '../origin/config.ts'

/** Roles that the edge calls; the others live from the log and from timers. */
export const ROUTED_ROLES = ['accounts', 'ingest', 'engagement', 'search', 'media'] as const satisfies readonly Role[]
type RoutedRole = (typeof ROUTED_ROLES)[number]

/** Where each role answers: `http://127.0.0.1:8081`. A role that is missing answers as one that has died. */
export type RoleAddresses = Partial<Record<Role, string>>

export interface RoleRouter {
  port: number
  close(): Promise<void>
}

const QUEUES = /^\/internal\/(ingest|dead-letters)\b/
const METHOD = /^\/internal\/(\w+)\./

/** `/internal/search.posts` is search's; queues end at ingest; keys, and what nobody knows, are answered by accounts. */
export function roleOf(path: string): RoutedRole {
  if (QUEUES.test(path)) return 'ingest'
  const tier = METHOD.exec(path)?.[1]
  return ROUTED_ROLES.find((role) => role === tier) ?? 'accounts'
}

/** @param port 0 chooses a free one */
export async function startRoleRouter(addresses: RoleAddresses, port: number): Promise<RoleRouter> {
  const server = createServer((asked, answer) => {
    const role = roleOf(asked.url ?? '/')
    const address = addresses[role]
    if (address === undefined) sayAway(role, answer)
    else passOn(asked, answer, address, role)
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

/** On a connection of its own: one that is kept may belong to a process that has died since. */
function passOn(asked: IncomingMessage, answer: ServerResponse, address: string, role: RoutedRole): void {
  const { method, url = '/', headers } = asked
  const onward = request(new URL(url, address), { method, headers: { ...headers, connection: 'close' }, agent: false })
  onward.once('response', (response) => {
    const { connection: _, 'keep-alive': __, ...others } = response.headers
    answer.writeHead(response.statusCode ?? 502, others)
    response.once('error', () => answer.destroy())
    response.pipe(answer)
  })
  onward.once('error', () => (answer.headersSent ? answer.destroy() : sayAway(role, answer)))
  answer.once('close', () => onward.destroy())
  asked.pipe(onward)
}

function sayAway(role: string, answer: ServerResponse): void {
  const problem = problems.away(`The origin's ${role}`)
  answer.writeHead(problem.status, { 'content-type': 'application/problem+json', ...problem.headers })
  answer.end(JSON.stringify(problem.toJSON()))
}

/**
 * A server that has no part in Tideline: it does a piece of work for each request and says hello, later the busier the machine
 * is. `node bystander.ts`, forked; tells its port.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Milliseconds of CPU. A process that only wakes up is let through at once, however many others wait for a core. */
const WORK_MS = 15

const usedMs = () => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}

const server = createServer((_, answer) => {
  for (const began = usedMs(); usedMs() - began < WORK_MS; );
  answer.end('hello')
})
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
process.on('disconnect', () => process.exit(0))

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Client, openClient } from './client.ts'

/** Lets go of each connection when it is used for the second time, as one that has lain idle for too long. */
const served = new WeakMap<Socket, number>()
const server = createServer((request, response) => {
  const uses = (served.get(request.socket) ?? 0) + 1
  served.set(request.socket, uses)
  if (uses > 1) request.socket.resetAndDestroy()
  else response.end(request.url)
})
let client: Client

beforeEach(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  client = openClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
})
afterEach(async () => {
  client.close()
  server.close()
  await once(server, 'close')
})

test('a picture is asked for again where the connection had been let go of', async () => {
  expect((await client.ask({ path: '/one', keep: 10 })).beginning).toBe('/one')
  expect(await client.ask({ path: '/two', keep: 10 })).toMatchObject({ status: 200, beginning: '/two' })
})

test('a post is not sent twice', async () => {
  await client.ask({ path: '/one' })
  await expect(client.ask({ method: 'POST', path: '/posts', body: '{}' })).rejects.toThrow()
})

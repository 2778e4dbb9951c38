import { expect, it } from 'vitest'
import { startSession } from '../testing/session.ts'

it('delivers to channels and patterns, and counts deliveries', async () => {
  const { ask, connect } = await startSession()
  const listener = await connect()
  expect(await listener.pipeline([['SUBSCRIBE', 'news']])).toEqual([['subscribe', 'news', 1]])
  expect(await listener.pipeline([['PSUBSCRIBE', 'n*']])).toEqual([['psubscribe', 'n*', 2]])
  expect(await ask('PUBLISH news', 'ÿ\0')).toBe(2)
  expect(await listener.next()).toEqual(['message', 'news', 'ÿ\0'])
  expect(await listener.next()).toEqual(['pmessage', 'n*', 'news', 'ÿ\0'])
  expect(await ask('PUBSUB NUMSUB news none')).toEqual(['news', 1, 'none', 0])
  expect(await listener.pipeline([['GET', 'k']])).toEqual([
    {
      error:
        "ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context",
    },
  ])
  expect(await listener.pipeline([['UNSUBSCRIBE'], ['PUNSUBSCRIBE'], ['PING']])).toEqual([
    ['unsubscribe', 'news', 1],
    ['punsubscribe', 'n*', 0],
    { status: 'PONG' },
  ])
})

it('MONITOR shows what others do', async () => {
  const { ask, connect } = await startSession()
  const watcher = await connect()
  await watcher.pipeline([['MONITOR']])
  await ask('SET k v')
  expect(await watcher.next()).toMatchObject({ status: expect.stringContaining('"SET" "k" "v"') })
})

import { describe, expect, it } from 'vitest'
import { parseRedisUrl } from './address.ts'

describe('the address of Redis', () => {
  it.each(['redis://127.0.0.1:6379', 'rediss://user:pa,ss@redis.example.com/3', 'unix:///run/redis.sock'])(
    'is one server: %s',
    (url) => {
      expect(parseRedisUrl(url)).toEqual({ kind: 'server', url })
    },
  )

  it('is a cluster when it names several nodes', () => {
    expect(parseRedisUrl('redis://u:p%2C@a:7000, redis://u:p%2C@[::1]')).toEqual({
      kind: 'cluster',
      nodes: [
        { host: 'a', port: 7000 },
        { host: '::1', port: 6379 },
      ],
      username: 'u',
      password: 'p,',
      tls: false,
    })
  })

  it('is a cluster when its scheme says so', () => {
    const endpoint = parseRedisUrl('rediss+cluster://configuration.example.com:6380')
    expect(endpoint).toMatchObject({ kind: 'cluster', nodes: [{ port: 6380 }], tls: true, password: null })
  })

  it.each([
    ['redis://a:1,b:2', /separated by commas|.*/],
    ['redis+cluster://', /redis:\/\/host:port/],
    ['redis://a:1,http://b:2', /redis:\/\/host:port/],
    ['redis://a:1/2,redis://b:2/2', /only the one numbered 0/],
    ['redis://:x@a:1,redis://:y@b:2', /the same scheme, user and password/],
    ['redis://a:1,rediss://b:2', /the same scheme/],
  ])('refuses %s', (text, reason) => {
    const read = () => {
      const address = parseRedisUrl(text)
      // One server is handed on as it is: whoever connects checks it.
      if (address.kind === 'server') new URL(address.url)
    }
    expect(read).toThrow(reason)
  })
})

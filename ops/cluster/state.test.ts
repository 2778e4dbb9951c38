import { expect, it } from 'vitest'
import { placeFrom } from './state.ts'

it('a cluster is moved by three settings, none of which need be given', () => {
  expect(placeFrom({ STATE_DIR: '/state' })).toEqual({
    folder: '/state/cluster',
    downloads: '/state/cluster/downloads',
    portOffset: 18_000,
  })
  const moved = { CLUSTER_DIR: '/a', CLUSTER_DOWNLOADS: '/b', CLUSTER_PORT_OFFSET: '20000' }
  expect(placeFrom(moved)).toEqual({ folder: '/a', downloads: '/b', portOffset: 20_000 })
})

it.each(['-1', '1.5', '30000', 'many'])('an offset of %s is refused', (CLUSTER_PORT_OFFSET) => {
  expect(() => placeFrom({ CLUSTER_PORT_OFFSET })).toThrow(/CLUSTER_PORT_OFFSET/)
})

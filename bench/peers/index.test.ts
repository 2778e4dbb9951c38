import { expect, it, vi } from 'vitest'
import { comparePeer, peerNamed } from './index.ts'
import type { PeerKind } from './peer.ts'

const people = {
  graph: { people: 0, followees: [] },
  postedAtMs: [],
  post: { caption: '', hashtags: [], image: { alt: '', width: 1, height: 1 } },
}

it('has no figures of a peer that cannot be installed, and says how to', async () => {
  const offline: PeerKind = {
    install: 'npm ci over there',
    start: () => Promise.reject(new Error('the registry does not answer')),
  }
  const said = vi.spyOn(console, 'error').mockImplementation(() => {})
  const ours = { cpuMsPerRequest: 1, coldCpuMsPerRequest: 2 }
  const figures = await comparePeer(offline, { people, page: 50, say: () => {} }, ours)
  expect(figures).toMatchObject({ peerCpuMsPerRequest: null, peerRps: null, ratio: null, coldRatio: null })
  expect(Object.values(figures).every((value) => value === null)).toBe(true)
  expect(said.mock.calls.flat().join('\n')).toMatch(/registry does not answer[\s\S]*npm ci over there/)
  said.mockRestore()
})

it('names the peers that there are to whoever asks for another', () => {
  expect(() => peerNamed('mastodon')).toThrow('There is no peer "mastodon". There are: bsky.')
})

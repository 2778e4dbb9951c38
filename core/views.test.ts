import { expect, it } from 'vitest'
import { placeOf } from './views.ts'

it('a view has an address, and other addresses have none', () => {
  expect(placeOf('/')).toEqual({ view: 'feed', name: '' })
  expect(placeOf('/u/mira.serra')).toEqual({ view: 'person', name: 'mira.serra' })
  expect(placeOf('/tag/%C3%BCber')).toEqual({ view: 'tag', name: '%C3%BCber' })
  const none = ['', '/nonsense', '/u', '/u/', '/u/a/b', '/p/1/', '/p/abc', '//u/a', '/constructor/a', '/following/']
  expect(none.filter((path) => placeOf(path) !== null)).toEqual([])
})

/** How a person shows: a round picture, or the first letters of the name on a colour of its own. */
import type { Person } from './api.ts'
import { h } from './dom.ts'

/** Decoration beside a name: the name says who it is. */
export function avatar(
  person: Pick<Person, 'username' | 'displayName' | 'avatar'>,
  size: 's' | 'm' | 'l' = 's',
): HTMLElement {
  const name = person.displayName || person.username
  const letters = name
    .split(/\s+/)
    .slice(0, 2)
    .map((word) => word[0] ?? '')
    .join('')
    .toUpperCase()
  const tile = h('span', { class: `avatar avatar-${size}`, 'aria-hidden': 'true' }, letters)
  tile.style.setProperty('--hue', String(hueOf(person.username)))
  if (person.avatar !== null) {
    const image = h('img', { src: person.avatar, alt: '', loading: 'lazy', decoding: 'async' })
    image.addEventListener('error', () => image.remove())
    tile.append(image)
  }
  return tile
}

function hueOf(name: string): number {
  let hue = 0
  for (const character of name) hue = (hue * 31 + (character.codePointAt(0) ?? 0)) % 360
  return hue
}

export const profilePath = (username: string): string => `/u/${encodeURIComponent(username)}`

export const nameOf = (person: Person): string => person.displayName || person.username

import { describe, expect, it } from 'vitest'
import { judge } from './policy.ts'

const verdict = (command: string, access: 'readWrite' | 'readOnly' = 'readWrite') => {
  const judged = judge(command.split(' '), access)
  return typeof judged === 'string' ? judged : judged.refused
}

describe('judge', () => {
  it.each(['GET k', 'set k v', 'EVALSHA abc 0', 'SCRIPT LOAD x', 'XADD s * a b', 'MEMORY USAGE k', 'FLUSHALL', 'INFO'])(
    'shares the connection for %s',
    (command) => expect(verdict(command)).toBe('shared'),
  )

  it.each(['blpop k 0', 'BZPOPMIN z 1', 'WAIT 1 100', 'XREAD COUNT 1 block 0 STREAMS s $'])(
    'gives %s a connection of its own',
    (command) => expect(verdict(command)).toBe('blocking'),
  )

  it('looks for BLOCK among the options only', () => {
    expect(verdict('XREAD STREAMS block 0')).toBe('shared')
    expect(verdict('XREADGROUP GROUP g BLOCK STREAMS s >')).toBe('shared')
    expect(verdict('XREADGROUP GROUP g c BLOCK 5 STREAMS s >')).toBe('blocking')
  })

  it.each(['watch k', 'Multi', 'SELECT 1', 'CLIENT LIST', 'CLIENT', 'SCRIPT DEBUG YES', 'MEMORY PURGE', 'ACL LIST'])(
    'refuses %s',
    (command) => expect(verdict(command)).toMatch(/^ERR Command is not available: /),
  )

  it('refuses a read-only token whatever is not known to be a read', () => {
    for (const command of ['GET k', 'ZRANGE z 0 -1', 'EVAL_RO x 0', 'PING'])
      expect(verdict(command, 'readOnly')).toBe('shared')
    for (const command of ['SET k v', 'GETDEL k', 'GETEX k', 'EVAL x 0', 'SORT k', 'PUBLISH c m', 'SOMETHINGNEW k'])
      expect(verdict(command, 'readOnly')).toMatch(/^NOPERM /)
  })

  it('refuses a read-only token what nobody may', () => {
    expect(verdict('SELECT 1', 'readOnly')).toMatch(/^NOPERM /)
  })
})

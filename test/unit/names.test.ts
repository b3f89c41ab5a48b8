import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { DRILL_PREFIX, RESTORE_PREFIX, restoredName, slotOf, token } from '../../domain/names.ts';
import { duration, seconds } from '../../domain/units.ts';

const resource = fc.stringMatching(/^[a-z][a-z0-9-]{0,30}[a-z0-9]$/);

test('the name of a copy is one that RDS takes: at most 63 characters, single hyphens, no hyphen at the end', () => {
  fc.assert(
    fc.property(resource, fc.constantFrom(DRILL_PREFIX, RESTORE_PREFIX), fc.string(), (name, prefix, id) => {
      const made = restoredName(prefix, name, '2026-11-21T02:30:00Z', id);
      expect(made).toMatch(/^[a-z](-?[a-z0-9])*$/);
      expect(made.length).toBeLessThanOrEqual(63);
      expect(made.startsWith(prefix)).toBe(true);
    }),
  );
});

test('a token is the same on every attempt and another one for every other step', () => {
  fc.assert(
    fc.property(fc.array(fc.string(), { minLength: 1 }), fc.array(fc.string(), { minLength: 1 }), (a, b) => {
      expect(token(...a)).toBe(token(...a));
      if (a.join('|') !== b.join('|')) expect(token(...a)).not.toBe(token(...b));
    }),
  );
});

test('a slot is an instant in whole seconds', () => {
  expect(slotOf(new Date('2026-11-21T02:30:00.987Z'))).toBe('2026-11-21T02:30:00Z');
  expect(slotOf('2026-11-21T03:30:00+01:00')).toBe('2026-11-21T02:30:00Z');
});

test.each([
  ['90s', 90],
  ['15m', 900],
  ['4h', 14_400],
  ['90d', 7_776_000],
])('%s is %d seconds', (text, n) => {
  expect(duration(text)).toBe(n);
});

test.each(['', '5', 'h', '1.5h', '-1h', '1w', '1h30m'])('"%s" is not a duration', (text) => {
  expect(() => duration(text)).toThrow(/write for example/);
});

test('a negative number of seconds is refused', () => {
  expect(() => seconds(-1)).toThrow(RangeError);
});

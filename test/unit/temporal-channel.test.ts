import { expect, test } from '@jest/globals';
import { throughOutages } from '../../cli/temporal-channel.ts';

const away = Object.assign(new Error('14 UNAVAILABLE'), {
  code: 14,
  details: 'gone',
  metadata: {},
});

test('a question outlives any number of short outages', async () => {
  let asked = 0;
  let looks = 0;
  const answer = await throughOutages(
    async () => {
      asked += 1;
      if (asked < 4) throw Object.assign(new Error('no'), { cause: away });
      return 'the result';
    },
    async () => (looks += 1) % 2 === 0,
    5_000,
  );
  expect([answer, asked, looks]).toEqual(['the result', 4, 6]);
});

test('a server that stays away ends the question with its own error', async () => {
  const never = async (): Promise<boolean> => false;
  await expect(throughOutages(() => Promise.reject(away), never, 100)).rejects.toBe(away);
});

test('what is no outage is not repeated', async () => {
  let asked = 0;
  const refused = new Error('no such run');
  const ask = async (): Promise<never> => {
    asked += 1;
    throw refused;
  };
  await expect(throughOutages(ask, async () => true)).rejects.toBe(refused);
  expect(asked).toBe(1);
});

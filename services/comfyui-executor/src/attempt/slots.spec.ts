import { describe, expect, it } from '@jest/globals';
import { Slots } from './slots.js';

const never = new AbortController().signal;

describe('Slots', () => {
  it('lets two in and the third when one leaves, first come first served', async () => {
    const slots = new Slots(2);
    const first = await slots.take(never);
    const second = await slots.take(never);
    const order: string[] = [];
    const third = slots.take(never).then(() => order.push('third'));
    const fourth = slots.take(never).then(() => order.push('fourth'));
    first?.();
    first?.(); // giving back twice is giving back once
    await third;
    expect([order, slots.taken]).toEqual([['third'], 2]);
    second?.();
    await fourth;
    expect([order, slots.taken]).toEqual([['third', 'fourth'], 2]);
  });

  it('lets nobody in while more than there is room for were taken over', async () => {
    const slots = new Slots(1);
    const given = [slots.force(), slots.force()];
    let entered = false;
    const waiting = slots.take(never).then(() => (entered = true));
    given[0]?.();
    await Promise.resolve();
    expect(entered).toBe(false);
    given[1]?.();
    await waiting;
    expect(slots.taken).toBe(1);
  });

  it('lets one who no longer wants it leave the line', async () => {
    const slots = new Slots(1);
    const giveBack = await slots.take(never);
    const impatient = new AbortController();
    const waiting = slots.take(impatient.signal);
    impatient.abort();
    expect(await waiting).toBeUndefined();
    giveBack?.();
    expect(slots.taken).toBe(0);
  });
});

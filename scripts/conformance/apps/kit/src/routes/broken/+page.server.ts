export const load = () => {
  throw new Error("on purpose");
};

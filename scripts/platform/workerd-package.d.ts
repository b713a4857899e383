/** The package has no types: a CommonJS module whose `default` is the path of the binary. */
declare module "workerd" {
  const workerd: { default: string; version: string };
  export default workerd;
}

export default function NotFound() {
  return <h1>Nothing of that name</h1>;
}

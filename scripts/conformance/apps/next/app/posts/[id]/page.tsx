export const dynamicParams = false;
export const generateStaticParams = () => [{ id: "one" }, { id: "two" }];

export default async function Post({ params }: { params: Promise<{ id: string }> }) {
  return <h1>Post {(await params).id}</h1>;
}

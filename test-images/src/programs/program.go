package main

import (
	"bytes"
	"compress/gzip"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"math"
	"math/big"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"sort"
	"strings"
	"sync"
	"time"
)

type node struct{ l, r *node }

func tree(d int) *node {
	if d == 0 {
		return &node{}
	}
	return &node{tree(d - 1), tree(d - 1)}
}
func (n *node) count() int {
	if n.l == nil {
		return 1
	}
	return 1 + n.l.count() + n.r.count()
}

func main() {
	var wg sync.WaitGroup
	c := make(chan int)
	for g := 0; g < 50; g++ {
		wg.Add(1)
		go func(g int) {
			defer wg.Done()
			for i := 0; i < 100; i++ {
				c <- g * i
				if i%10 == 0 {
					runtime.Gosched()
				}
			}
		}(g)
	}
	go func() { wg.Wait(); close(c) }()
	s := 0
	for v := range c {
		s += v
	}
	fmt.Println("chan", s)
	n := 0
	for i := 0; i < 8; i++ {
		n += tree(14).count()
	}
	runtime.GC()
	fmt.Println("gc", n)
	m := map[string]int{}
	for i := 0; i < 50000; i++ {
		m[fmt.Sprint(i%7919)] += i
	}
	k := []string{}
	for x := range m {
		k = append(k, x)
	}
	sort.Strings(k)
	h := sha256.New()
	for _, x := range k {
		fmt.Fprintf(h, "%s=%d,", x, m[x])
	}
	fmt.Printf("map %x\n", h.Sum(nil))
	b := bytes.Repeat([]byte("hello, world. "), 10000)
	fmt.Printf("%x %08x %08x\n", sha512.Sum512(b), crc32.ChecksumIEEE(b), crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
	blk, _ := aes.NewCipher(b[:32])
	gcm, _ := cipher.NewGCM(blk)
	fmt.Printf("gcm %x\n", sha256.Sum256(gcm.Seal(nil, b[:12], b, nil)))
	key := ed25519.NewKeyFromSeed(b[:32])
	fmt.Printf("ed %x\n", ed25519.Sign(key, b))
	x, y := elliptic.P256().ScalarBaseMult(b[:32])
	fmt.Println("p256", x, y)
	f := big.NewInt(1)
	for i := int64(1); i < 2000; i++ {
		f.Mul(f, big.NewInt(i))
	}
	q := new(big.Int).Exp(big.NewInt(3), new(big.Int).Lsh(big.NewInt(1), 500), new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 521), big.NewInt(1)))
	fmt.Printf("big %x %v\n", sha256.Sum256(f.Bytes()), q)
	var w bytes.Buffer
	z := gzip.NewWriter(&w)
	z.Write(b)
	z.Close()
	fmt.Printf("gzip %x\n", sha256.Sum256(w.Bytes()))
	var v interface{}
	json.Unmarshal([]byte(`{"a":[1,2.5,1e300],"b":{"c":null,"d":"\u263a"}}`), &v)
	j, _ := json.Marshal(v)
	fmt.Println(string(j), regexp.MustCompile(`(a+)+b`).FindAllString(strings.Repeat("aaab ac ", 20), -1))
	t := 0.0
	for i := 1; i < 100000; i++ {
		t += math.Sin(float64(i)) * math.Sqrt(float64(i)) / math.Pow(float64(i), 0.3)
	}
	fmt.Println("float", t, math.FMA(0.1, 0.2, 0.3), math.Floor(-2.5), float32(t))
	func() {
		defer func() { fmt.Println("recovered:", recover()) }()
		var p *node
		fmt.Println(p.l)
	}()
	start := time.Now()
	select {
	case <-time.After(50 * time.Millisecond):
	}
	fmt.Println("timer", time.Since(start) >= 50*time.Millisecond)
	out, err := exec.Command("/bin/echo", "from", "child").CombinedOutput()
	fmt.Print(string(out), err, "\n")
	if len(os.Args) > 1 {
		os.Exit(7)
	}
}
